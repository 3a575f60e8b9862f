/**
 * The identifiers of the operator's account, which stay here.
 *
 * Source: docs/protocol.md, "Redaction"; docs/openrouter.md, "Errors" and "Endpoints".
 */
import { concatAll, textOf, utf8 } from "../bytes/encodings.ts";

/** Members of OpenRouter's answers that name the operator's account, or a part of it. */
export const IDENTIFIERS: ReadonlySet<string> = new Set([
  "user_id",
  "creator_user_id",
  "organization_id",
  "org_id",
  "workspace_id",
  "guardrail_id",
  "budget_id",
]);

const NAMES = [...IDENTIFIERS].join("|");
/**
 * A member and its text; also within a text that quotes JSON, whose quotes are escaped then. It begins
 * with a quote, not with the backslashes before it, of which a text may have a million in a row.
 */
const MEMBER = new RegExp(`("(?:${NAMES})\\\\*"\\s*:\\s*\\\\*")([^"\\\\]+)`, "g");
/**
 * How the account's users and organizations are spelled, an organization at OpenAI, and the hash of a key,
 * wherever they stand in a word: tried at each byte, so that they must give up at once where none begins.
 */
const ID = /(?:user|org)_[0-9][0-9A-Za-z]{7,}|org-[0-9A-Za-z]{20,}/g;
const HASH = /(?<![0-9a-f])[0-9a-f]{64,}/g;
const HASH_LENGTH = 64;
/**
 * Where a word begins. In JSON one may stand right behind an escape, whose last letter is no part of it:
 * such a letter may be a hexadecimal digit, and seem to be one of a hash.
 */
const BEFORE_WORD = /(?:^|\W|\\[bfnrt]|\\u[0-9A-Fa-f]{4})$/;
const LONGEST_ESCAPE = 6;
const IN_WORD = /^\w/;

const REDACTED = "[redacted]";
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * One character a byte, whatever the encoding: this is windows-1252, of which each byte is one character.
 * It is native, where Node's latin1 takes Deno 2.1.4 a tenth of a second a megabyte.
 */
const decoder = new TextDecoder("windows-1252");

/** Where an identifier stands, in bytes. */
type Span = [start: number, end: number];

/**
 * The bytes of an error without identifiers, by name and by their looks; the same bytes where there are
 * none. Identifiers are ASCII: all else may be of any encoding that contains ASCII, or of none.
 *
 * @param keepsLength whether as many bytes must come out
 */
export function redactedError(body: Uint8Array, keepsLength = false): Uint8Array {
  const spans = identifiersIn(decoder.decode(body)).sort(([one], [other]) => one - other);
  if (spans.length === 0) return body;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const [start, end] of spans) {
    // By its name and by its looks: then it stands there twice.
    if (start < from) continue;
    const length = end - start;
    parts.push(body.subarray(from, start));
    parts.push(utf8(keepsLength ? REDACTED.padEnd(length).slice(0, length) : REDACTED));
    from = end;
  }
  return concatAll([...parts, body.subarray(from)]);
}

/** The same of a text. */
export function redactedErrorText(text: string): string {
  return textOf(redactedError(utf8(text)));
}

function identifiersIn(text: string): Span[] {
  const spans: Span[] = [];
  for (const { index, 0: found, 1: before = "" } of text.matchAll(MEMBER)) {
    spans.push([index + before.length, index + found.length]);
  }
  for (const { index, 0: found } of text.matchAll(ID)) {
    const end = index + found.length;
    if (isWord(text, index, end)) spans.push([index, end]);
  }
  for (const { index, 0: found } of text.matchAll(HASH)) {
    const end = index + found.length;
    if (isWord(text, end - HASH_LENGTH, end)) spans.push([end - HASH_LENGTH, end]);
  }
  return spans;
}

function isWord(text: string, start: number, end: number): boolean {
  return BEFORE_WORD.test(text.slice(Math.max(0, start - LONGEST_ESCAPE), start)) &&
    !IN_WORD.test(text.charAt(end));
}

/** What takes the place of a member's text of whatever length, in JSON. */
export const REDACTED_TEXT = utf8(`"${REDACTED}"`);

/**
 * What takes the place of a member's text, in JSON.
 *
 * @param json the text in its quotes, or a beginning of it; then the rest may follow
 */
export function redactedText(json: Uint8Array, keepsLength: boolean): Uint8Array {
  const end = endOf(json);
  const length = keepsLength ? json.length - 1 - end.length : REDACTED.length;
  return utf8(`"${REDACTED.padEnd(length).slice(0, length)}${end}`);
}

/** What must stay of the last byte: the quote that ends the text, or half an escape. */
function endOf(json: Uint8Array): '"' | "\\" | "" {
  const isQuote = json.length > 1 && json.at(-1) === QUOTE;
  const end = isQuote ? json.length - 1 : json.length;
  let backslashes = 0;
  while (json[end - 1 - backslashes] === BACKSLASH) backslashes++;
  const isEscaped = backslashes % 2 === 1;
  if (isQuote) return isEscaped ? "" : '"';
  return isEscaped ? "\\" : "";
}
