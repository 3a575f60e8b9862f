/**
 * Error answers of OpenRouter: passed on as they came, less the identifiers of the operator's account.
 *
 * Source: protocol.md, "Errors"; openrouter.md, "Errors".
 */
import { Buffer } from "node:buffer";
import type { Bytes } from "../bytes/encodings.ts";

const USER_ID = /("(?:creator_)?user_id"\s*:\s*)"[^"]*"/g;
const KEY_HASH = /\b[0-9a-f]{64}\b/g;

/**
 * The same bytes, unless they name the operator's account or the hash of a key. Both are ASCII: all
 * else may be of any encoding that contains ASCII, or of none.
 */
export function redacted(body: Bytes): Bytes {
  const { buffer, byteOffset, byteLength } = body;
  // One character a byte, and back: WHATWG's "latin1" decoder is windows-1252, Node's is not.
  const text = Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
  const clean = text.replace(USER_ID, '$1"[redacted]"').replace(KEY_HASH, "[redacted]");
  return clean === text ? body : new Uint8Array(Buffer.from(clean, "latin1"));
}
