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
 * How the account's users and organizations are spelled, and the hash of a key. In JSON a word may
 * stand right behind an escape, whose last letter is no part of it.
 */
const ID =
  /(?:\b|(?<=\\[bfnrt]|\\u[0-9A-Fa-f]{4}))(?:(?:user|org)_[0-9][0-9A-Za-z]{7,}|[0-9a-f]{64})\b/g;

const REDACTED = "[redacted]";

/**
 * The bytes of an error without identifiers, by name and by their looks; the same bytes where there are
 * none. Identifiers are ASCII: all else may be of any encoding that contains ASCII, or of none.
 *
 * @param keepsLength whether as many bytes must come out
 */
export function redactedError(body: Uint8Array, keepsLength = false): Uint8Array {
  const { buffer, byteOffset, byteLength } = body;
  // One character a byte, and back: WHATWG's "latin1" decoder is windows-1252, Node's is not.
  const text = Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
  const mask = (id: string) =>
    keepsLength ? REDACTED.padEnd(id.length).slice(0, id.length) : REDACTED;
  const clean = text
    .replace(MEMBER, (_, before: string, id: string) => before + mask(id))
    .replace(ID, mask);
  return clean === text ? body : new Uint8Array(Buffer.from(clean, "latin1"));
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
