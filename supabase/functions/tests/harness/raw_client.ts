/** A client that reads as far as a test wants, and goes when it wants. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Identity, signed } from "./client.ts";

export interface RawClient {
  /** Reads until what has arrived, head included, holds this text; what has arrived. */
  until(text: string): Promise<string>;
  /** The next bytes, that many at most; null at the end. */
  read(maxBytes: number): Promise<Uint8Array | null>;
  /** Hangs up. */
  close(): void;
}

const BETWEEN_PIECES_MS = 20;

/**
 * Sends a signed request on a connection of its own.
 *
 * @param pieces the body as it is sent: the first with the head, each other one by itself
 */
export async function connect(
  gateway: { url: string },
  identity: Identity,
  path: string,
  body: string,
  headers: Record<string, string> = {},
  pieces = [body],
): Promise<RawClient> {
  const { hostname, port, pathname, host } = new URL(gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [
    `POST ${pathname}${path} HTTP/1.1`,
    `host: ${host}`,
    "content-type: application/json",
    ...("transfer-encoding" in headers
      ? []
      : [`content-length: ${new TextEncoder().encode(body).length}`]),
    ...Object.entries({ ...headers, ...await signed(identity, "POST", path, body) })
      .map((pair) => pair.join(": ")),
  ];
  const writer = connection.writable.getWriter();
  const [first, ...others] = pieces;
  await writer.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${first}`));
  for (const piece of others) {
    // Otherwise the kernel may join it to the one before.
    await sleep(BETWEEN_PIECES_MS);
    await writer.write(new TextEncoder().encode(piece));
  }
  writer.releaseLock();

  const decoder = new TextDecoder();
  let arrived = "";

  async function read(maxBytes: number): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(maxBytes);
    const size = await connection.read(buffer);
    return size === null ? null : buffer.subarray(0, size);
  }

  return {
    read,
    async until(text) {
      while (!arrived.includes(text)) {
        const bytes = await read(65_536);
        assert.ok(bytes, `the connection ended before ${JSON.stringify(text)}:\n${arrived}`);
        arrived += decoder.decode(bytes, { stream: true });
      }
      return arrived;
    },
    close: () => connection.close(),
  };
}
