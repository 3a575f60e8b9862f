/**
 * What of OpenRouter's API a DID may reach: one table, which routing, booking and refusals read.
 *
 * All DIDs' keys belong to one account, so what is open is listed: a surface that OpenRouter adds
 * tomorrow is closed until somebody has looked at it.
 *
 * Source: docs/protocol.md, "Paths"; docs/openrouter.md, "Endpoints" and "Where usage sits, by endpoint".
 */
import { GatewayError } from "../errors.ts";
import { type CallEndpoint, CALLS, unknownCall } from "./calls.ts";
import { nearestPath } from "./nearest_path.ts";
import { PROXY_PREFIX, type Target } from "./paths.ts";

export type Endpoint =
  | CallEndpoint
  /** A look at a job, at whose first sight its cost is booked. */
  | { kind: "job"; jobId: string }
  /** A generation; `id` is empty where the request does not name exactly one. */
  | { kind: "generation"; id: string }
  /** All else is free. `needsKey`: OpenRouter answers it to keys alone. */
  | { kind: "free"; needsKey: boolean };

/** An open request, in the spelling in which it is forwarded and shown. */
export interface Opened extends Target {
  endpoint: Endpoint;
}

const FREE: Endpoint = { kind: "free", needsKey: false };
const NEEDS_KEY: Endpoint = { kind: "free", needsKey: true };

/** What GET and HEAD read for nothing. `/*` stands for whatever is below. */
export const READS: Record<string, Endpoint> = {
  "/models": FREE,
  "/models/user": NEEDS_KEY,
  "/models/*": FREE,
  "/model/*": FREE,
  "/embeddings/models": FREE,
  "/images/models": FREE,
  "/images/models/*": FREE,
  "/videos/models": FREE,
  "/endpoints/zdr": FREE,
  "/providers": FREE,
  "/tools": FREE,
  "/tools/*": FREE,
  "/benchmarks": NEEDS_KEY,
  "/datasets/*": NEEDS_KEY,
  "/classifications/task": NEEDS_KEY,
  "/key": NEEDS_KEY,
};

/** Free and never booked, by POST. */
export const FREE_POSTS: Record<string, Endpoint> = { "/messages/count_tokens": FREE };

/** Belongs to the operator's account. Nothing opens it. */
const OPERATORS = [
  "/keys",
  "/auth",
  "/oauth",
  "/provisioning",
  "/credits",
  "/activity",
  "/analytics",
  "/byok",
  "/guardrails",
  "/workspaces",
  "/organization",
  "/observability",
  "/scim",
  "/end-users",
  "/private-endpoints",
  "/vault",
  "/interns",
  // Its tools read the account's credits, and any generation.
  "/mcp",
  "/generation/content",
  "/generation/feedback",
];
/** Every key of the account reads and changes it. Nothing opens it. */
const SHARED = ["/files", "/containers", "/batches", "/presets"];
/** Open in the spellings of the table alone, because whose the request is depends on its id. */
const OWNED = ["/generation", "/videos"];

/** But for a path that is nothing else. */
const SLASHES_AT_END = /(?<=.)\/+$/;
/** Of an id, and of what stands below a read: no character that another server might cut a path at. */
const PLAIN_SEGMENT = /^[A-Za-z0-9._:~-]+$/;
/** In the query of a request about one's own job: it could name another one. */
const NAMES_AN_ID = /^(?:id|\w*_id)(?:\[.*\])?$/i;

/**
 * Finds what a request reaches.
 *
 * What differs from the table in case, percent-encodings or a slash at the end alone is forwarded in
 * the table's spelling, so that what is forwarded is what was checked.
 *
 * @param extraPaths what the operator has opened: prefixes, or `*`
 * @throws {GatewayError} path_forbidden
 */
export function openedBy(method: string, target: Target, extraPaths: readonly string[]): Opened {
  const plain = Object.hasOwn(CALLS, target.path) ? target.path : plainOf(target.path);
  const listed = listedAt(method, plain, target);
  if (listed !== null) return listed;
  const opening = extraPaths.find((prefix) => prefix === "*" || isAtOrBelow(plain, prefix));
  if (opening === undefined) throw closed(method, plain, target.path);
  // Whoever takes one `/v1` off a path may take another.
  const bare = plain.replace(/^(?:\/v1)+(?=\/|$)/, "");
  if ([...OPERATORS, ...SHARED, ...OWNED].some((prefix) => bare.startsWith(prefix))) {
    throw closed(method, plain, target.path);
  }
  if (method !== "POST") return { ...target, endpoint: FREE };
  return { ...target, endpoint: unknownCall(opening === "*" ? "other" : opening) };
}

function listedAt(method: string, plain: string, { path, search }: Target): Opened | null {
  if (method === "POST") {
    const endpoint = own(CALLS, plain) ?? own(FREE_POSTS, plain);
    return endpoint && { path: plain, search, endpoint };
  }
  if (method !== "GET" && method !== "HEAD") return null;
  if (plain === "/generation") {
    const id = onlyId(search);
    return {
      path: plain,
      search: `?id=${encodeURIComponent(id)}`,
      endpoint: { kind: "generation", id },
    };
  }
  const read = own(READS, plain);
  if (read) return { path: plain, search, endpoint: read };
  return jobAt(plain, path, search) ?? readBelow(plain, path, search);
}

/** `/videos/{id}` and its content; the id in the spelling that it came in. */
function jobAt(plain: string, path: string, search: string): Opened | null {
  const [, , jobId = ""] = path.split("/");
  if (!/^\/videos\/[^/]+(?:\/content)?$/.test(plain) || !PLAIN_SEGMENT.test(jobId)) return null;
  const namesAnother = [...new URLSearchParams(search).keys()].some((key) => NAMES_AN_ID.test(key));
  return {
    path: `/videos/${jobId}${plain.endsWith("/content") ? "/content" : ""}`,
    search,
    endpoint: { kind: "job", jobId: namesAnother ? "" : jobId },
  };
}

/** What stands below a path of the table, e.g. `/models/{author}/{slug}/endpoints`, as it came. */
function readBelow(plain: string, path: string, search: string): Opened | null {
  for (const [name, endpoint] of Object.entries(READS)) {
    if (!name.endsWith("/*") || !plain.startsWith(name.slice(0, -1))) continue;
    const base = name.slice(0, -2);
    const segments = path.split("/").slice(base.split("/").length).filter(Boolean);
    // Twice decoded, as `plain` is: `@preset/…` is a model's name that leads to the operator's presets.
    if (!segments.every((segment) => PLAIN_SEGMENT.test(decoded(segment)))) return null;
    return { path: `${base}/${segments.join("/")}`, search, endpoint };
  }
  return null;
}

/** The one id that a query names; empty where it names none, or several. */
function onlyId(search: string): string {
  const ids = new URLSearchParams(search).getAll("id");
  // Postgres holds no NUL.
  return ids.length === 1 && !ids[0]!.includes("\0") ? ids[0]! : "";
}

function own<T>(table: Record<string, T>, name: string): T | null {
  return Object.hasOwn(table, name) ? table[name]! : null;
}

function isAtOrBelow(plain: string, prefix: string): boolean {
  return plain === prefix || plain.startsWith(`${prefix}/`);
}

/** A path in the spelling of the tables here: what stands before OpenRouter may not tell them apart. */
function plainOf(path: string): string {
  return decoded(path).toLowerCase().replace(SLASHES_AT_END, "");
}

/** Without percent-encodings, doubled ones included; proxyTarget has refused broken ones. */
function decoded(path: string): string {
  return decodeURIComponent(decodeURIComponent(path));
}

function closed(method: string, plain: string, path: string): GatewayError {
  return new GatewayError("path_forbidden", `${whyClosed(plain, method, path)}`);
}

function whyClosed(plain: string, method: string, path: string): string {
  if (OPERATORS.some((prefix) => plain.startsWith(prefix))) {
    return `${path} belongs to the operator's OpenRouter account: no user key may reach it`;
  }
  if (SHARED.some((prefix) => plain.startsWith(prefix))) {
    return `${path} is shared by all users of this gateway's OpenRouter account, so it is closed to ` +
      "each of them; send content inside the request instead";
  }
  const methods = own(CALLS, plain) || own(FREE_POSTS, plain)
    ? "POST"
    : own(READS, plain) || plain === "/generation" || plain.startsWith("/videos/")
    ? "GET and HEAD"
    : null;
  // Where the method is right, something else about the path is not.
  if (methods !== null && !methods.split(" and ").includes(method)) {
    return `${method} ${path} is not open: it takes ${methods}`;
  }
  const nearest = nearestPath(plain, openPaths(method));
  const meant = nearest === null ? "." : `; did you mean ${PROXY_PREFIX}${nearest}?`;
  return `${path} is not open on this gateway${meant} ` +
    "The operator can open more paths with OPENROUTER_EXTRA_PATHS";
}

/** What somebody may have meant who asks with this method. */
export function openPaths(method: string): string[] {
  const calls = Object.keys(CALLS);
  if (method === "POST") return [...calls, ...Object.keys(FREE_POSTS)];
  const reads = Object.keys(READS).filter((name) => !name.endsWith("/*"));
  return [...calls, ...reads, "/generation?id=…", "/videos/{id}"];
}
