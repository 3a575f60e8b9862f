/** The life of a request: record → route → key → faults → answer. */
import type { IncomingMessage } from "node:http";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import { allowedMethods, type Endpoint, matchEndpoint } from "./endpoints.ts";
import {
  ApiError,
  apiError,
  errorAnswer,
  methodNotAllowed,
  notFound,
  withMetadata,
} from "./errors.ts";
import { Faults } from "./faults.ts";
import type { Gate } from "./gate.ts";
import { checkBudget } from "./guardrails.ts";
import { quotedIdentifiers } from "./identifiers.ts";
import type { Key, Ledger } from "./ledger.ts";
import { replacement } from "./replacement.ts";
import type { RequestLog } from "./requests.ts";
import type { Script } from "./script.ts";
import type { Connection } from "./transport.ts";

export const API_ROOT = "/api/v1";
const MODEL_PREFIX = "simulate/";

/** What a simulator knows; a reset replaces or empties it. */
export interface World {
  managementKey: string;
  ledger: Ledger;
  requests: RequestLog;
  script: Script;
  gate: Gate;
}

/** Answers a request to the API, or breaks its connection. */
export async function respond(
  world: World,
  request: IncomingMessage,
  bytes: Uint8Array<ArrayBuffer>,
  connection: Connection,
): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  const route = path.startsWith(`${API_ROOT}/`) ? path.slice(API_ROOT.length) : "";
  const match = matchEndpoint(request.method ?? "", route);
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? null;
  world.requests.add(request, match?.name ?? "unknown", bearer, bytes, connection.gone);

  let faults = Faults.parse();
  let key: Key | null = null;
  let answer: Answer | null;
  try {
    if (match === null) {
      const allowed = allowedMethods(route);
      const refusal = allowed.length === 0 ? notFound() : methodNotAllowed(allowed);
      return await connection.send(edge(refusal), faults);
    }
    const { endpoint, parameter } = match;
    const scripted = world.script.take(match.name);
    key = identify(world, endpoint, bearer);
    const body = await readMembers(request.headers["content-type"] ?? "", bytes);
    const header = String(request.headers["x-openrouter-simulate"] ?? "");
    faults = Faults.parse(asked(body.model), header, scripted);
    const call: Call = {
      query: new URLSearchParams(query),
      body,
      route: match.name,
      headers: request.headers,
      parameter,
      faults,
      key,
      ledger: world.ledger,
    };
    answer = await perform(call, endpoint, connection, world.gate);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const raw = faults.has("raw-ids") ? { raw: quotedIdentifiers(key) } : {};
    answer = errorAnswer(withMetadata(error, raw), route);
  }
  if (answer !== null) await connection.send(edge(answer), faults);
}

/** Runs the endpoint unless a fault replaces its answer; null where the connection is over. */
async function perform(
  call: Call,
  endpoint: Endpoint,
  connection: Connection,
  gate: Gate,
): Promise<Answer | null> {
  const { faults } = call;
  const done = faults.has("after") ? worked(await endpoint.answer(call)) : null;
  const together = faults.number("gate");
  if (together !== undefined) await gate.pass(together, connection.gone);
  const latencyMs = faults.number("latency");
  if (latencyMs !== undefined) await connection.wait(latencyMs);
  if (faults.text("drop") === "") await connection.drop();
  if (faults.text("hang") === "") await connection.gone;
  if (connection.isGone) return null;
  return replacement(faults) ?? done ?? await endpoint.answer(call);
}

/** Reads a stream to its end, which is when its work is done and billed. */
function worked(answer: Answer): Answer {
  const { body } = answer;
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  return isWhole ? answer : { ...answer, body: [...body] };
}

/** Finds whose key this is: an ordinary one, or null for the management key or none at all. */
function identify(
  { managementKey, ledger }: World,
  { auth }: Endpoint,
  bearer: string | null,
): Key | null {
  if (auth === "none") return null;
  if (bearer === null) throw apiError(401, "No cookie auth credentials found");
  const isManagement = bearer === managementKey;
  if (auth === "management" && !isManagement) throw apiError(401, "Invalid management key");
  if (isManagement && (auth === "management" || auth === "any")) return null;
  const key = ledger.authenticate(bearer);
  if (key === undefined) throw apiError(401, "User not found.");
  if (auth === "metered") checkSpending(key, ledger);
  return key;
}

/** Before a call only: what several calls spend at the same time goes beyond the limit. */
function checkSpending(key: Key, ledger: Ledger): void {
  if (key.limit !== null && ledger.spentOfLimit(key) >= key.limit) {
    throw apiError(
      403,
      `Key limit exceeded (${key.limitReset ?? "total"} limit). ` +
        "Manage it using https://openrouter.ai/settings/keys",
    );
  }
  checkBudget(key, ledger);
}

async function readMembers(
  contentType: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Record<string, unknown>> {
  if (bytes.length === 0) return {};
  try {
    if (contentType.startsWith("multipart/form-data")) {
      const form = new Response(bytes, { headers: { "content-type": contentType } }).formData();
      return Object.fromEntries(await form);
    }
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // answered below, like every other body that is no object
  }
  throw apiError(400, "Invalid request body");
}

/** The faults that a model's name asks for. */
function asked(model: unknown): string {
  return typeof model === "string" && model.startsWith(MODEL_PREFIX)
    ? model.slice(MODEL_PREFIX.length)
    : "";
}

let rays = 0;

/** Adds what the network in front of OpenRouter adds to every answer. */
function edge(answer: Answer): Answer {
  const headers: Answer["headers"] = {
    ...answer.headers,
    "CF-RAY": `${(++rays).toString(16).padStart(16, "0")}-FRA`,
    "Set-Cookie": "__cf_bm=simulated; path=/; HttpOnly; Secure; SameSite=None",
  };
  // Its errors come chunked
  if (answer.status >= 400) headers["Transfer-Encoding"] = "chunked";
  return { ...answer, headers };
}
