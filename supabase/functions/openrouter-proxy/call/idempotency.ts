/**
 * A client's `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header), and the path and body
 * that it stands for.
 *
 * Source: docs/protocol.md, "Idempotency".
 */
import { type Bytes, sha256Hex, utf8 } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";

/** In characters. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;

/**
 * @param path in the spelling that it is forwarded in
 * @returns null when the client sent no key
 * @throws {GatewayError} invalid_request
 */
export async function idempotencyOf(
  headers: Headers,
  path: string,
  body: Bytes,
): Promise<{ key: string; bodyHash: string } | null> {
  const key = headers.get("idempotency-key");
  if (key === null) return null;
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    throw new GatewayError(
      "invalid_request",
      `Idempotency-Key must be 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters ` +
        "without spaces",
    );
  }
  return { key, bodyHash: await sha256Hex(utf8(`${path}\n${await sha256Hex(body)}`)) };
}
