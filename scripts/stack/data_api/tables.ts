/**
 * Tables, views, and whatever else of PostgREST's there is, by npm `@supabase/lite`: it understands
 * the request and writes the SQL. Who calls, the transaction and its settings, and the connections
 * are ours; where it asks for them is put in place of its own from outside.
 */
import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { AsyncLocalStorage } from "node:async_hooks";
import { CompiledQuery } from "kysely";
import postgres from "postgres";
import { decimalNumber } from "../../../supabase/functions/openrouter-proxy/bytes/decimal.ts";
import { ApiError } from "./api_error.ts";
import { ANON, type ApiKeys } from "./caller.ts";
import { type ClientOptions, createBreakableClient } from "./breakable_client.ts";
import { type Connections, createConnections, type Session } from "./connections.ts";

export interface TableApi {
  /** The pool that it shares with whoever else speaks to the same database. */
  connections: Connections;
  /** Reads the schema. */
  readSchema(): Promise<void>;
  /**
   * Answers a request below /rest/v1.
   *
   * @param role whose rights it has
   * @param settings a statement of that role's transaction: see settings.ts
   * @throws {ApiError} 503 when the connection broke
   */
  fetch(request: Request, role: string, settings: string): Promise<Response>;
  /** Answers any other request, e.g. a preflight. */
  fetchUnidentified(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/** What a request's handling by lite has to know of it. */
interface Call {
  /** Null: it reads the schema alone. */
  settings: string | null;
  /** Why it failed, when it was not Postgres that refused a statement. lite may take it for less. */
  failure?: ApiError;
}

/** @param databaseUrl for the role `authenticator`, which owns nothing */
export function createTableApi(databaseUrl: string, keys: ApiKeys): TableApi {
  const connection = createPostgresConnection({
    url: databaseUrl,
    postgresOptions: {
      connection: { standard_conforming_strings: "on" },
      // Where its own parsers differ from PostgREST: 1.50 becomes a string, an instant has a space.
      types: {
        numeric: { to: 1700, from: [1700], serialize: String, parse: jsonNumber },
        timestamptz: { to: 1184, from: [1184], serialize: String, parse: isoInstant },
      },
    },
  });
  const calls = new AsyncLocalStorage<Call>();

  const open = (options: ClientOptions & { fetch_types?: boolean }) =>
    // It takes options as it has parsed them, as its own `listen` does; its types do not say so.
    postgres({ ...connection.driver.options, max_lifetime: null, ...options } as object);
  // One client asks for the types of arrays, in readSchema, and enters them into the parsers that all
  // share.
  const connections = createConnections((options) => open({ ...options, fetch_types: false }));

  async function reserve(): Promise<Session> {
    const session = await connections.reserve();
    return {
      ...session,
      async unsafe(...statement) {
        try {
          return await session.unsafe(...statement);
        } catch (error) {
          const call = calls.getStore();
          if (call !== undefined && error instanceof ApiError) call.failure = error;
          throw error;
        }
      },
    };
  }

  /** @throws {ApiError} 503 when a connection broke, whatever lite made of that */
  async function unlessBroken<T>(call: Call, work: () => Promise<T>): Promise<T> {
    const result = await calls.run(call, work);
    if (call.failure !== undefined) throw call.failure;
    return result;
  }

  const overrides: Pick<typeof connection, "withContext"> & { driver: unknown } = {
    driver: Object.assign(connection.driver, { reserve }),
    async withContext(_vars, work) {
      const settings = calls.getStore()?.settings;
      if (!settings) throw new Error("@supabase/lite begins a transaction of nobody's");
      return await connection.kysely.transaction().execute(async (transaction) => {
        await transaction.executeQuery(CompiledQuery.raw(settings));
        return await work(transaction);
      });
    },
  };
  Object.assign(connection, overrides);

  const app = new App({
    connection,
    auth: { enabled: false, publishable_key: keys.publishableKey, secret_key: keys.secretKey },
    options: { server: { admin: false } },
  });

  return {
    connections,
    async readSchema() {
      const asking = createBreakableClient(open);
      await asking.query("select");
      await asking.close();
      await unlessBroken({ settings: null }, () => connection.introspect());
    },
    async fetch(request, role, settings) {
      // It knows callers by API keys alone: with a JWT it would look for the user in auth.users.
      const headers = new Headers(request.headers);
      headers.delete("authorization");
      headers.set("apikey", role === ANON ? keys.publishableKey : keys.secretKey);
      return await unlessBroken(
        { settings },
        async () => await app.fetch(new Request(request, { headers })),
      );
    },
    fetchUnidentified: async (request) => await app.fetch(request),
    async close() {
      await Promise.all([connection.close(), connections.close()]);
    },
  };
}

/**
 * A number of JSON with all its digits. NaN and infinities have none; PostgREST writes them as strings.
 */
function jsonNumber(text: string): unknown {
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return String(number) === text ? number : decimalNumber(text);
}

/** `2026-11-22 10:30:00.5+00` → `2026-11-22T10:30:00.5+00:00`. */
function isoInstant(text: string): string {
  return text.replace(" ", "T").replace(/[+-][0-9]{2}$/, "$&:00");
}
