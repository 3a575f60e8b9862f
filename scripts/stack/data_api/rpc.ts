/** Calls of functions: `POST /rest/v1/rpc/…` with the arguments in a JSON object. */
import { ApiError, validStatus } from "./api_error.ts";
import type { Session } from "./connections.ts";
import { type DatabaseFunction, functionFor, type Functions } from "./functions.ts";
import { identifier } from "./sql_text.ts";
import { runPrepared, type Statement } from "./statements.ts";

/** A function with the arguments that a request gives it. */
export interface FunctionCall {
  function: DatabaseFunction;
  /** The names of what is given; the rest have defaults. */
  given: string[];
  /** The JSON object, as it was sent: a number keeps all its digits. */
  json: string;
}

/** Headers that ask for more than a call: a count, a part of the rows, another schema. */
const ASKING_FOR_MORE = ["prefer", "range"];
const UTF8 = new TextDecoder();
const PLAIN_MEDIA_TYPES = /^(?:|\*\/\*|application\/json)$/;

/**
 * Reads a call that needs nothing but the function: neither filters nor other media types.
 *
 * @param name the function's
 * @param body the request's
 * @returns null for anything else, refusals included: @supabase/lite words them
 */
export function plainCall(
  request: { method: string; search: string; headers: Headers },
  name: string,
  body: Uint8Array,
  functions: Functions,
): FunctionCall | null {
  const { method, search, headers } = request;
  const isPlain = method === "POST" && search === "" &&
    ASKING_FOR_MORE.every((name) => !headers.has(name)) &&
    PLAIN_MEDIA_TYPES.test(headers.get("accept") ?? "") &&
    PLAIN_MEDIA_TYPES.test((headers.get("content-type") ?? "").split(";")[0]!.trim()) &&
    (headers.get("content-profile") ?? "public") === "public";
  if (!isPlain) return null;
  const json = UTF8.decode(body).trim() || "{}";
  const given = memberNames(json);
  const called = given && functionFor(functions, name, given);
  return called ? { function: called, given, json } : null;
}

function memberNames(json: string): string[] | null {
  try {
    const value = JSON.parse(json);
    return value?.constructor === Object ? Object.keys(value) : null;
  } catch {
    return null;
  }
}

/**
 * Makes the settings and the call in one transaction.
 *
 * @param role the one that the settings take
 * @param settings see settings.ts
 * @throws {ApiError} also as Session.unsafe does
 */
export async function answerCall(
  session: Session,
  role: string,
  settings: Statement,
  call: FunctionCall,
): Promise<Response> {
  const results = await runPrepared(session, role, [settings, callStatement(call)]);
  const [, [result]] = results as [unknown, [Result]];
  const { body, count } = result;
  const isVoid = call.function.returns === "void";
  const status = statusOf(result) ?? (isVoid ? 204 : 200);
  const hasBody = !isVoid && !WITHOUT_BODY.includes(status);
  const response = new Response(hasBody ? body : null, { status });
  // Deno takes longer to make an answer with headers than to make one and add them.
  const { headers } = response;
  headers.set("content-type", "application/json; charset=utf-8");
  headers.set("content-range", count === "0" ? "*/*" : `0-${Number(count) - 1}/*`);
  for (const [name, value] of headersOf(result)) headers.set(name, value);
  if (!hasBody) headers.delete("content-type");
  return response;
}

/** What a call comes to, and what the function has asked for by `set_config('response.…')`. */
interface Result {
  body: string;
  count: string;
  status: string | null;
  headers: string | null;
}

function callStatement({ function: called, given, json }: FunctionCall): Statement {
  return {
    // Of one name, the names of what is given tell which function it is (functions.ts).
    id: [called.name, ...given].join("\0"),
    text: () => callText(called, given),
    values: given.length > 0 ? [json] : [],
  };
}

/** A statement of one row, a Result. Aggregates come first, so that the function has run by then. */
function callText(called: DatabaseFunction, given: string[]): string {
  const parameters = called.parameters.filter(({ name }) => given.includes(name));
  const columns = parameters.map(({ name, type }) => `${identifier(name)} ${type}`);
  const args = parameters.map(({ name }) => `${identifier(name)} => args.${identifier(name)}`);
  const from = parameters.length > 0
    ? `pg_catalog.json_to_record($1) as args(${columns.join(", ")}), lateral `
    : "";
  const [alias, value] = called.returns === "composite"
    ? ["call", "pg_catalog.row_to_json(call)"]
    : ["call(value)", "pg_catalog.to_json(call.value)"];
  const body = called.isSet
    ? `coalesce(pg_catalog.json_agg(${value}), '[]')`
    : `coalesce(pg_catalog.json_agg(${value}) -> 0, 'null')`;
  return `select ${called.returns === "void" ? "''" : `(${body})::text`} as body,` +
    ` pg_catalog.count(*)::text as count,` +
    ` nullif(pg_catalog.current_setting('response.status', true), '') as status,` +
    ` nullif(pg_catalog.current_setting('response.headers', true), '') as headers` +
    ` from ${from}public.${identifier(called.name)}(${args.join(", ")}) as ${alias}`;
}

const WITHOUT_BODY = [204, 205, 304];

function statusOf({ status }: Result): number | null {
  if (status === null) return null;
  const valid = validStatus(Number(status));
  if (valid !== null) return valid;
  throw ApiError.of(500, "PGRST112", "response.status guc must be a valid status code");
}

/** From `[{"cache-control": "no-store"}, …]`. */
function headersOf({ headers }: Result): [name: string, value: string][] {
  if (headers === null) return [];
  try {
    const pairs = (JSON.parse(headers) as Record<string, string>[]).flatMap(Object.entries);
    return [...new Headers(pairs)];
  } catch {
    const message = "response.headers guc must be a JSON array composed of objects with a single " +
      "key and a string value";
    throw ApiError.of(500, "PGRST111", message);
  }
}
