/**
 * What the gateway knows of each of OpenRouter's endpoints: one table.
 *
 * Source: openrouter.md, "Where usage sits, by endpoint", which metering/usage.ts reads by one set of rules;
 * protocol.md, "Paths".
 */

export interface Endpoint {
  /**
   * What is booked: a `call` gets a row in request_logs of its own, pending before it is forwarded;
   * reading a `job` completes the row of the call that began it; other requests are free.
   */
  books: "call" | "job" | "nothing";
  /** Whether the body must be a JSON object, from which model and streaming are read. */
  jsonBody: boolean;
  /** Whether `usage: {include: true}` is added to the body. */
  includeUsage: boolean;
  /** Whether the call only begins a job, which the answer's own id names and which costs later. */
  beginsJob: boolean;
}

const CALL: Endpoint = { books: "call", jsonBody: true, includeUsage: false, beginsJob: false };

const CALLS = new Map<string, Endpoint>([
  ["/chat/completions", { ...CALL, includeUsage: true }],
  ["/completions", { ...CALL, includeUsage: true }],
  ["/responses", CALL],
  ["/messages", CALL],
  ["/embeddings", CALL],
  ["/rerank", CALL],
  ["/images", CALL],
  ["/audio/transcriptions", { ...CALL, jsonBody: false }],
  ["/audio/speech", CALL],
  ["/videos", { ...CALL, beginsJob: true }],
]);

/** A POST to a path that is not in the table may cost as well, whatever its body is. */
const UNKNOWN_CALL: Endpoint = { ...CALL, jsonBody: false };
const FREE: Endpoint = { ...CALL, books: "nothing", jsonBody: false };
const JOB: Endpoint = { ...FREE, books: "job" };

/** @param path OpenRouter's path, without the query */
export function endpointOf(method: string, path: string): Endpoint {
  const plain = plainOf(path);
  if (method === "POST") return CALLS.get(plain) ?? UNKNOWN_CALL;
  const reads = method === "GET" || method === "HEAD";
  return reads && /^\/videos\/(?!models$)[^/]+(\/content)?$/.test(plain) ? JOB : FREE;
}

/** Prefixes of paths that no user key may reach, with any method. */
const FORBIDDEN = [
  "/keys",
  "/auth",
  "/credits",
  "/activity",
  "/analytics",
  "/byok",
  "/guardrails",
  "/workspaces",
  "/organization",
  "/observability",
  "/scim",
  "/files",
  "/vault",
  "/interns",
  "/containers",
  "/generation/content",
];
/** Paths that may be read only. */
const READ_ONLY = ["/presets"];

/** Whether no user key may make this request. Case and percent-encodings do not hide a path. */
export function isForbidden(method: string, path: string): boolean {
  const plain = plainOf(path);
  const below = (prefix: string) => plain.startsWith(prefix);
  const reads = method === "GET" || method === "HEAD";
  return FORBIDDEN.some(below) || (!reads && READ_ONLY.some(below));
}

/**
 * The generation or job that a request names, which must be in the caller's own log; null when it
 * names none. A `/generation` without exactly one id names the empty one, which is nobody's.
 */
export function ownedGenerationOf(path: string, search: string): string | null {
  const plain = decoded(path);
  if (/^\/generation(?:\/|$)/i.test(plain)) {
    const ids = new URLSearchParams(search).getAll("id");
    // Postgres holds no NUL.
    return ids.length === 1 && !ids[0]!.includes("\0") ? ids[0]! : "";
  }
  // `/videos/models` is a list, not a job.
  return /^\/videos\/(?!models(?:\/|$))([^/]+)/i.exec(plain)?.[1] ?? null;
}

/** A path in the spelling of the tables here: what stands before OpenRouter may not tell them apart. */
function plainOf(path: string): string {
  return decoded(path).toLowerCase().replace(/(?<=.)\/+$/, "");
}

/** A path without percent-encodings, doubled ones included; proxyTarget has refused broken ones. */
function decoded(path: string): string {
  return decodeURIComponent(decodeURIComponent(path));
}
