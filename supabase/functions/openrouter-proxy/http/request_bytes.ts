/** A request's raw body, bounded. */
import type { Bytes } from "../bytes.ts";
import { GatewayError } from "../errors.ts";
import { ClientDisconnected } from "../openrouter/forward.ts";

/**
 * @returns the body's bytes; empty when there is none
 * @throws {GatewayError} request_too_large, unsupported_media_type
 * @throws {ClientDisconnected} when the body breaks off
 */
export async function requestBytes(
  request: Request,
  maxBytes: number,
): Promise<Bytes> {
  const tooLarge = () =>
    new GatewayError("request_too_large", `the request body is larger than ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new GatewayError(
      "unsupported_media_type",
      `content-encoding ${encoding} is not supported: send the request body uncompressed`,
      {},
      { "accept-encoding": "identity" },
    );
  }
  if (request.body === null) return new Uint8Array();

  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new ClientDisconnected();
    });
    if (done) break;
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    chunks.push(value);
  }
  if (chunks.length === 1 && chunks[0]!.buffer instanceof ArrayBuffer) {
    return chunks[0] as Bytes;
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
