/**
 * What the gateway knows of each of OpenRouter's endpoints: one table.
 *
 * Source: openrouter.md, "Where usage sits, by endpoint"; protocol.md, "Paths".
 */

export interface Endpoint {
  /** Whether a request gets a row in request_logs. */
  metered: boolean;
  /** Whether the body must be a JSON object, from which model and streaming are read. */
  jsonBody: boolean;
  /** Whether `usage: {include: true}` is added to the body. */
  includeUsage: boolean;
  /** Whether the answer's own id is kept, by which the caller asks for its job later. */
  answersWithJob: boolean;
}

const JSON_CALL: Endpoint = {
  metered: true,
  jsonBody: true,
  includeUsage: false,
  answersWithJob: false,
};

const METERED = new Map<string, Endpoint>([
  ["/chat/completions", { ...JSON_CALL, includeUsage: true }],
  ["/completions", { ...JSON_CALL, includeUsage: true }],
  ["/responses", JSON_CALL],
  ["/messages", JSON_CALL],
  ["/embeddings", JSON_CALL],
  ["/rerank", JSON_CALL],
  ["/images", JSON_CALL],
  ["/audio/transcriptions", { ...JSON_CALL, jsonBody: false }],
  ["/audio/speech", JSON_CALL],
  ["/videos", { ...JSON_CALL, answersWithJob: true }],
]);

/** A POST to a path that is not in the table: metered, whatever its body. */
const UNKNOWN_CALL: Endpoint = { ...JSON_CALL, jsonBody: false };

const UNMETERED: Endpoint = {
  metered: false,
  jsonBody: false,
  includeUsage: false,
  answersWithJob: false,
};

/** @param path OpenRouter's path, without the query */
export function endpointOf(method: string, path: string): Endpoint {
  if (method !== "POST") return UNMETERED;
  return METERED.get(path) ?? UNKNOWN_CALL;
}

/** Whose paths no user key may reach, with any method, and everything below them. */
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
  const plain = decoded(path).toLowerCase();
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
    return ids.length === 1 ? ids[0]! : "";
  }
  return /^\/videos\/([^/]+)/i.exec(plain)?.[1] ?? null;
}

/** A path without percent-encodings, doubled ones included; proxyTarget has refused broken ones. */
function decoded(path: string): string {
  return decodeURIComponent(decodeURIComponent(path));
}
