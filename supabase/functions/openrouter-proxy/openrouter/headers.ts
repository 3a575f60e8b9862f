/**
 * Which headers pass, in either direction.
 *
 * They are looked through by `forEach`, and given to fetch as an object: Deno takes ten times as long to
 * iterate over Headers, which fetch does as well.
 *
 * Source: protocol.md, "Headers".
 */

const TO_OPENROUTER = new Set([
  "content-type",
  "accept",
  "user-agent",
  "idempotency-key",
  "traceparent",
  "tracestate",
  "x-session-id",
  "anthropic-version",
  "anthropic-beta",
  "x-anthropic-beta",
  "http-referer",
  "x-title",
]);
const TO_OPENROUTER_PREFIX = "x-openrouter-";

/** Hop-by-hop (RFC 9110 section 7.6.1), and OpenRouter's cookies. */
const NOT_TO_CLIENT = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "set-cookie",
  // What holds for OpenRouter's origin, not for the gateway's.
  "alt-svc",
  "strict-transport-security",
]);
const NOT_TO_CLIENT_PREFIX = "access-control-";
/** What names the operator's account at OpenRouter, or at a provider, e.g. `openai-organization`. */
const OPERATORS = /(?:^|-)(?:organization|project|workspace|user|account)(?:-id)?$/;
/** What Deno's fetch decodes; newer ones leave the headers. Other encodings pass as they came. */
const DECODED_BY_FETCH = new Set(["gzip", "br"]);

/** A length that was told once; Deno 2.1.4 sends nothing at all of an answer that has it twice. */
const IS_LENGTH = /^[0-9]+$/;

/**
 * The headers of the request to OpenRouter: the client's listed ones, and the DID's own key.
 *
 * @param apiKey null: the DID has none, and OpenRouter answers anybody
 */
export function requestHeaders(
  client: Headers,
  apiKey: string | null,
  defaults: { httpReferer: string; xTitle: string },
): Record<string, string> {
  const headers: Record<string, string> = {};
  client.forEach((value, name) => {
    if (TO_OPENROUTER.has(name) || name.startsWith(TO_OPENROUTER_PREFIX)) headers[name] = value;
  });
  headers["http-referer"] ??= defaults.httpReferer;
  if (headers["x-openrouter-title"] === undefined) headers["x-title"] ??= defaults.xTitle;
  if (apiKey !== null) headers.authorization = `Bearer ${apiKey}`;
  return headers;
}

/**
 * The headers of the answer to the client: OpenRouter's, less those that hold for its hop alone.
 *
 * @param length the content-length; null: it has none. Deno sends it as it is, with a body of any other
 *   length: whoever changes the bytes has to leave it out
 * @param client what they are added to
 */
export function responseHeaders(
  upstream: Headers,
  length = lengthOf(upstream),
  client = new Headers(),
): Headers {
  const named = namedByConnection(upstream);
  upstream.forEach((value, name) => {
    const stays = NOT_TO_CLIENT.has(name) || name.startsWith(NOT_TO_CLIENT_PREFIX) ||
      OPERATORS.test(name) ||
      named?.includes(name) ||
      (name === "content-length" && length === null) ||
      (name === "content-encoding" && DECODED_BY_FETCH.has(value));
    if (!stays) client.append(name, value);
  });
  return client;
}

/** What an answer's content-length says, where it counts the bytes that fetch gives; null: none does. */
export function lengthOf(upstream: Headers): string | null {
  const length = upstream.get("content-length");
  if (length === null || !IS_LENGTH.test(length)) return null;
  // Some versions of Deno decode an encoding in capitals too. And chunks overrule a length (RFC 9112
  // section 6.3).
  const encoding = upstream.get("content-encoding")?.toLowerCase() ?? "";
  const isOther = DECODED_BY_FETCH.has(encoding) || upstream.has("transfer-encoding") ||
    namedByConnection(upstream)?.includes("content-length");
  return isOther ? null : length;
}

/** In lower case. */
function namedByConnection(upstream: Headers): string[] | undefined {
  return upstream.get("connection")?.toLowerCase().split(",").map((name) => name.trim());
}
