/**
 * The identifiers of the operator's account, which stay here.
 *
 * Source: docs/protocol.md, "Redaction"; docs/openrouter.md, "Errors" and "Endpoints".
 */
import { Buffer } from "node:buffer";
import { utf8 } from "../bytes/encodings.ts";

/** Members of OpenRouter's answers that name the operator's account, or a part of it. */
export const IDENTIFIERS: ReadonlySet<string> = new Set([
  "user_id",
  "creator_user_id",
  "organization_id",
  "org_id",
  "workspace_id",
]);

const NAMES = [...IDENTIFIERS].join("|");
/**
 * A member and its text; also within a text that quotes JSON, whose quotes are escaped then. It begins
 * with a quote, not with the backslashes before it, of which a text may have a million in a row.
 */
const MEMBER = new RegExp(`("(?:${NAMES})\\\\*"\\s*:\\s*\\\\*")([^"\\\\]+)`, "g");
/**
 * How the account's users and organizations are spelled, and the hash of a key, wherever they stand in a
 * word: tried at each byte, so that it must give up at once where none begins.
 */
const ID = /(?:user|org)_[0-9][0-9A-Za-z]{7,}|(?<![0-9a-f])[0-9a-f]{64,}/g;
const HASH_LENGTH = 64;
/**
 * Where a word begins. In JSON one may stand right behind an escape, whose last letter is no part of it:
 * such a letter may be a hexadecimal digit, and seem to be one of a hash.
 */
const BEFORE_WORD = /(?:^|\W|\\[bfnrt]|\\u[0-9A-Fa-f]{4})$/;
const LONGEST_ESCAPE = 6;
const IN_WORD = /^\w/;

const DECODED_AT_ONCE_BYTES = 8 * 1024;
const REDACTED = "[redacted]";

/**
 * The bytes of an error without identifiers, by name and by their looks; the same bytes where there are
 * none. Identifiers are ASCII: all else may be of any encoding that contains ASCII, or of none.
 *
 * @param keepsLength whether as many bytes must come out
 */
export function redactedError(body: Uint8Array, keepsLength = false): Uint8Array {
  const text = latin1(body);
  const mask = (id: string) =>
    keepsLength ? REDACTED.padEnd(id.length).slice(0, id.length) : REDACTED;
  const clean = text
    .replace(MEMBER, (_, before: string, id: string) => before + mask(id))
    .replace(ID, (found, at: number, whole: string) => {
      const id = found.startsWith("user_") || found.startsWith("org_")
        ? found
        : found.slice(-HASH_LENGTH);
      const start = at + found.length - id.length;
      const isWord = BEFORE_WORD.test(whole.slice(Math.max(0, start - LONGEST_ESCAPE), start)) &&
        !IN_WORD.test(whole.charAt(at + found.length));
      return isWord ? found.slice(0, -id.length) + mask(id) : found;
    });
  return clean === text ? body : new Uint8Array(Buffer.from(clean, "latin1"));
}

/**
 * One character a byte. WHATWG's "latin1" decoder is windows-1252; Node's is not, but takes Deno 2.1.4
 * 0.1 s a megabyte.
 */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += DECODED_AT_ONCE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, at + DECODED_AT_ONCE_BYTES));
  }
  return text;
}

/**
 * What takes the place of a member's text, in JSON.
 *
 * @param json the text in its quotes, or a beginning of it
 */
export function redactedText(json: Uint8Array, keepsLength: boolean): Uint8Array {
  const isWhole = json.length > 1 && json.at(-1) === 0x22;
  const length = keepsLength ? json.length - (isWhole ? 2 : 1) : REDACTED.length;
  return utf8(`"${REDACTED.padEnd(length).slice(0, length)}${isWhole ? '"' : ""}`);
}
