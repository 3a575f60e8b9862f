/**
 * The path of a request as it came, checked: anything that a URL parser would rewrite or resolve is
 * refused. What it reaches is for endpoints.ts to say.
 *
 * Source: docs/protocol.md, "Paths".
 */
import { GatewayError } from "../errors.ts";
import { CALLS } from "./calls.ts";

/** What OpenRouter's API is behind. */
export const PROXY_PREFIX = "/api/v1/openrouter";
/** Anthropic's clients append it to their base URL. */
const ALIAS = /^\/v1(?=\/|$)/;
/** What a URL parser would percent-encode (WHATWG URL, special-query percent-encode set), and `\`. */
const UNSAFE_IN_QUERY = /[^\x21-\x7e]|["#'<>\\]/;

// Printable ASCII that a URL parser leaves alone in a path (WHATWG URL, path percent-encode set).
const PLAIN = /^[!$%&'()*+,\-./0-9:;=@A-Z[\]_a-z|~]*$/;
const ENCODED_SEPARATOR = /%(?:2e|2f|5c)/i;
// deno-lint-ignore no-control-regex -- they are what is refused
const CONTROL_OR_BACKSLASH = /[\0-\x1f\x7f\\]/;
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/;

/**
 * Where a model is named by one segment or by two: OpenAI's clients encode the slash of its name
 * (`models.retrieve("openai/gpt-4o-mini")`).
 */
const NAMES_A_MODEL = /^(?:\/v1)?\/models?\//i;

/** supabase-js says in the query where the function shall run. */
const REGION = /^forceFunctionRegion(?:=|$)/;

/** Where a proxied request goes, below OpenRouter's API; a leading `/v1` is gone. */
export interface Target {
  /** The path without the query, beginning with a slash; slashes in a model's name are slashes. */
  path: string;
  /** The query with its `?`, or the empty string. */
  search: string;
}

/**
 * @param pathAndQuery beginning with `/api/v1/openrouter/`
 * @throws {GatewayError} invalid_request for a path that could mean another one somewhere
 */
export function proxyTarget(pathAndQuery: string): Target {
  const rest = pathAndQuery.slice(PROXY_PREFIX.length);
  if (Object.hasOwn(CALLS, rest)) return { path: rest, search: "" };
  const question = rest.indexOf("?");
  const sent = question === -1 ? rest : rest.slice(0, question);
  const path = NAMES_A_MODEL.test(sent) ? sent.replaceAll(/%2f/gi, "/") : sent;
  const search = question === -1 ? "" : rest.slice(question);
  const problem = problemOf(path) ?? (UNSAFE_IN_QUERY.test(search) ? "its query" : null);
  if (problem) {
    throw new GatewayError(
      "invalid_request",
      `the path is refused because of ${problem}: servers differ in what they make of it`,
    );
  }
  return { path: path.replace(ALIAS, "") || "/", search: withoutRegion(search) };
}

function withoutRegion(search: string): string {
  if (search === "") return "";
  const parameters = search.slice(1).split("&").filter((parameter) => !REGION.test(parameter));
  return parameters.length === 0 ? "" : `?${parameters.join("&")}`;
}

function problemOf(path: string): string | null {
  if (!path.startsWith("/")) return "a missing slash";
  if (path.includes("//")) return "an empty segment";
  if (!PLAIN.test(path)) return "a character that has to be percent-encoded";
  let decoded = path;
  // Twice: what is decoded once here may be decoded once more behind OpenRouter's front.
  for (let round = 0; round < 2; round++) {
    if (ENCODED_SEPARATOR.test(decoded)) return "an encoded dot, slash or backslash";
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      return "a broken percent-encoding";
    }
    if (CONTROL_OR_BACKSLASH.test(decoded)) return "a control character or backslash";
    if (DOT_SEGMENT.test(decoded)) return "a dot segment";
    if (decoded.includes("..")) return "two dots in a row";
    if (!decoded.includes("%")) break;
  }
  return null;
}

/**
 * The URL that is fetched.
 *
 * @param base the same as `openrouterUrl`, for whoever asks more than once
 * @throws {GatewayError} invalid_request when it would leave OpenRouter's API
 */
export function upstreamUrl(
  openrouterUrl: string,
  target: Target,
  base = new URL(openrouterUrl),
): string {
  const url = `${openrouterUrl}${target.path}${target.search}`;
  // What fetch makes of it must be what was checked.
  const parsed = new URL(url);
  if (
    parsed.origin !== base.origin ||
    parsed.pathname !== `${base.pathname.replace(/\/$/, "")}${target.path}`
  ) {
    throw new GatewayError("invalid_request", "the path leads out of OpenRouter's API");
  }
  return url;
}

/** Makes the same function for one OpenRouter, which looks once at the URL of each path of the table. */
export function upstreamUrls(openrouterUrl: string): (target: Target) => string {
  const base = new URL(openrouterUrl);
  const ofCalls = new Map<string, string>();

  return (target) => {
    const { path, search } = target;
    const known = search === "" ? ofCalls.get(path) : undefined;
    if (known !== undefined) return known;
    const url = upstreamUrl(openrouterUrl, target, base);
    if (search === "" && Object.hasOwn(CALLS, path)) ofCalls.set(path, url);
    return url;
  };
}
