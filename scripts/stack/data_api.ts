/** The Data API: PostgREST's behaviour at /rest/v1. */
import postgres from "postgres";
import { ApiError, refusedByPostgres } from "./data_api/api_error.ts";
import { ANON, type ApiKeys, type Caller, identifyCaller } from "./data_api/caller.ts";
import { type Functions, readFunctions } from "./data_api/functions.ts";
import { readRoleSettings } from "./data_api/role_settings.ts";
import { answerCall, type FunctionCall, plainCall } from "./data_api/rpc.ts";
import { type RoleSettings, settingsStatement } from "./data_api/settings.ts";
import { type Statement, withValues } from "./data_api/statements.ts";
import { createTableApi } from "./data_api/tables.ts";
import { jwtVerifier, type VerificationKey } from "./data_api/verify_jwt.ts";

export interface DataApi {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

const BASE_PATH = "/rest/v1";
const CALL_PATH = /^\/rpc\/([^/]+)$/;
const CORS = [
  ["access-control-allow-origin", "*"],
  ["access-control-expose-headers", "Content-Range, Content-Location, Preference-Applied"],
] as const;

/**
 * Serves the tables and functions of the schema `public`. The schema is read at the first request:
 * migrate before.
 *
 * @param databaseUrl for the role `authenticator`, which owns nothing
 * @param verificationKeys of callers' JWTs
 */
export function createDataApi(
  databaseUrl: string,
  { verificationKeys, ...keys }: ApiKeys & { verificationKeys: VerificationKey[] },
): DataApi {
  const verify = jwtVerifier(verificationKeys);
  const tables = createTableApi(databaseUrl, keys);
  let schema: Promise<Schema> | undefined;

  /** One request alone reads it; many at once would all do that, and starve each other. */
  function schemaRead(): Promise<Schema> {
    return schema ??= readSchema().catch((error) => {
      schema = undefined;
      throw error;
    });
  }

  async function readSchema(): Promise<Schema> {
    await tables.readSchema();
    const session = await tables.connections.reserve();
    try {
      return {
        functions: await readFunctions(session),
        roleSettings: await readRoleSettings(session),
      };
    } finally {
      session.release();
    }
  }

  async function call(
    role: string,
    settings: Statement,
    functionCall: FunctionCall,
  ): Promise<Response> {
    const session = await tables.connections.reserve();
    try {
      return await answerCall(session, role, settings, functionCall);
    } finally {
      session.release();
    }
  }

  /** @throws {ApiError | postgres.PostgresError} */
  async function answer(
    request: Request,
    path: string,
    search: string,
    caller: Caller,
  ): Promise<Response> {
    const { functions, roleSettings } = await schemaRead();
    const { method, url, headers } = request;
    // Whole, before a connection is taken: a client that leaves meanwhile would keep that one.
    const body = new Uint8Array(await request.arrayBuffer());
    const name = CALL_PATH.exec(path)?.[1];
    const functionCall = name === undefined
      ? null
      : plainCall({ method, search, headers }, name, body, functions);
    const readOnly = functionCall?.function.isReadOnly ?? ["GET", "HEAD"].includes(method);
    const settings = settingsStatement(caller, { method, path, headers, readOnly }, roleSettings);
    if (functionCall !== null) return await call(caller.role, settings, functionCall);
    const init = { method, headers, ...(body.length > 0 ? { body } : {}) };
    return await tables.fetch(new Request(url, init), caller.role, withValues(settings));
  }

  return {
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith(`${BASE_PATH}/`) || request.method === "OPTIONS") {
        return await tables.fetchUnidentified(request);
      }
      let caller: Caller | undefined;
      let response: Response;
      try {
        caller = await identifyCaller(request.headers, keys, verify);
        response = await answer(request, pathname.slice(BASE_PATH.length), search, caller);
      } catch (error) {
        response = refusalOf(error, caller?.role === ANON).response();
      }
      return readableAnywhere(response);
    },
    close: tables.close,
  };
}

/** What new requests get while the last ones are answered. */
export function answerWhileStopping(): Response {
  const refusal = ApiError.of(503, "PGRST000", "The Data API is stopping. Send the request again.");
  const response = readableAnywhere(refusal.response());
  response.headers.set("retry-after", "1");
  return response;
}

function readableAnywhere(response: Response): Response {
  for (const [name, value] of CORS) response.headers.set(name, value);
  return response;
}

interface Schema {
  functions: Functions;
  roleSettings: RoleSettings;
}

function refusalOf(error: unknown, isAnonymous: boolean): ApiError {
  if (error instanceof postgres.PostgresError) return refusedByPostgres(error, isAnonymous);
  if (error instanceof ApiError) return error;
  console.error("the Data API failed:", error);
  return ApiError.of(500, "PGRSTX00", "The Data API failed.");
}
