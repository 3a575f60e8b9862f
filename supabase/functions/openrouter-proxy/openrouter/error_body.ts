/**
 * Error answers of OpenRouter: passed on as they came, less the identifiers of the operator's account.
 *
 * Source: protocol.md, "Errors"; openrouter.md, "Errors".
 */
import type { Bytes } from "../bytes.ts";

const USER_ID = /("(?:creator_)?user_id"\s*:\s*)"[^"]*"/g;
const KEY_HASH = /\b[0-9a-f]{64}\b/g;

/** The same bytes, unless they name the operator's account or the hash of a key. */
export function redacted(body: Bytes): Bytes {
  const text = new TextDecoder().decode(body);
  const clean = text.replace(USER_ID, '$1"[redacted]"').replace(KEY_HASH, "[redacted]");
  return clean === text ? body : new TextEncoder().encode(clean);
}
