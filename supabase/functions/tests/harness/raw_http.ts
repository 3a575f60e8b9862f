/** HTTP/1.1 as it is on the wire: nothing corrects a path or joins headers on the way. */

export interface RawAnswer {
  status: number;
  headers: Headers;
  body: string;
}

/**
 * Sends a request over a connection of its own.
 *
 * @param target the request line's target, verbatim
 * @param headers name and value, in this order, repeated or not
 */
export async function rawRequest(
  gatewayUrl: string,
  method: string,
  target: string,
  headers: [name: string, value: string][],
  body = "",
): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(gatewayUrl);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const bytes = new TextEncoder().encode(body);
  const head = [
    `${method} ${target} HTTP/1.1`,
    `host: ${host}`,
    "connection: close",
    `content-length: ${bytes.length}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${body}`));
  let text = "";
  for await (const piece of connection.readable.pipeThrough(new TextDecoderStream())) text += piece;

  const [top = "", ...rest] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = top.split("\r\n");
  const answerHeaders = new Headers(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  const payload = rest.join("\r\n\r\n");
  const chunked = answerHeaders.get("transfer-encoding") === "chunked";
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: answerHeaders,
    body: chunked ? unchunked(payload) : payload,
  };
}

/** Joins the chunks of RFC 9112, section 7.1; for ASCII, where bytes are characters. */
function unchunked(payload: string): string {
  const size = parseInt(payload, 16);
  if (!(size > 0)) return "";
  const start = payload.indexOf("\r\n") + 2;
  return payload.slice(start, start + size) + unchunked(payload.slice(start + size + 2));
}
