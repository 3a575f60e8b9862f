/** The digest by which a signature of headers covers the body: Content-Digest (RFC 9530). */
import type { Dictionary } from "structured-headers";
import { GatewayError } from "../../errors.ts";
import type { Bytes } from "../../bytes/encodings.ts";
import { readDictionary } from "./structured_field.ts";

/** Algorithms that RFC 9530 section 5 calls active, and WebCrypto's names of them. */
const ALGORITHMS: Readonly<Record<string, string>> = { "sha-256": "SHA-256", "sha-512": "SHA-512" };

/** Whether a member of Content-Digest binds the body: the other algorithms that have names are broken. */
export function isKnownDigest(algorithm: unknown): boolean {
  return typeof algorithm === "string" && Object.hasOwn(ALGORITHMS, algorithm);
}

/**
 * The digests of the body that a request states.
 *
 * @throws {GatewayError} invalid_request where the field is malformed, invalid_signature where it
 * states no digest that binds the body
 */
export function readContentDigest(headers: Headers): ReadonlyMap<string, Bytes> {
  const stated: Dictionary = readDictionary(headers, "content-digest") ?? new Map();
  const digests = new Map<string, Bytes>();
  for (const [algorithm, [value]] of stated) {
    if (!isKnownDigest(algorithm)) continue;
    if (!(value instanceof ArrayBuffer)) {
      throw new GatewayError("invalid_request", `content-digest's ${algorithm} takes :base64:`);
    }
    digests.set(algorithm, new Uint8Array(value));
  }
  if (digests.size === 0) {
    throw new GatewayError(
      "invalid_signature",
      `content-digest must state the body's digest by ${Object.keys(ALGORITHMS).join(" or ")}`,
    );
  }
  return digests;
}

/**
 * Compares all of them with the body as it was received.
 *
 * @throws {GatewayError} invalid_signature
 */
export async function assertDigests(digests: ReadonlyMap<string, Bytes>, body: Bytes) {
  for (const [algorithm, stated] of digests) {
    const digest = new Uint8Array(await crypto.subtle.digest(ALGORITHMS[algorithm]!, body));
    if (digest.length === stated.length && digest.every((byte, i) => byte === stated[i])) continue;
    throw new GatewayError(
      "invalid_signature",
      `content-digest's ${algorithm} is not that of the body's ${body.length} bytes`,
    );
  }
}
