/**
 * Which headers pass, both ways.
 *
 * Source: RFC 9110, section 7.6.1 (what is for one connection alone).
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

/** The key that a client was given says nothing; the gateway is told who calls by the proxy alone. */
const CREDENTIALS = [
  "authorization",
  "x-api-key",
  "api-key",
  "cookie",
  "signature",
  "signature-input",
];

/** To the gateway; `accept-encoding` among them, since bodies pass as they are. */
export function requestHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const left = new Set([
    ...HOP_BY_HOP,
    ...namedBy(headers.connection),
    ...CREDENTIALS,
    "host",
    "expect",
  ]);
  const passes = (name: string) => !left.has(name) && !name.startsWith("x-did");
  return Object.fromEntries(Object.entries(headers).filter(([name]) => passes(name)));
}

/**
 * To the client, in their order and spelling. No page may read an answer, so what the gateway allows
 * to pages is left out.
 *
 * @param raw names and values in turn
 */
export function responseHeaders(raw: readonly string[], connection: string | undefined): string[] {
  const left = new Set([...HOP_BY_HOP, ...namedBy(connection)]);
  const kept: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (!left.has(name) && !name.startsWith("access-control-")) {
      kept.push(raw[index]!, raw[index + 1]!);
    }
  }
  return kept;
}

/** The further headers that a Connection header makes hop-by-hop. */
function namedBy(connection: string | undefined): string[] {
  return (connection ?? "").toLowerCase().split(",").map((name) => name.trim());
}
