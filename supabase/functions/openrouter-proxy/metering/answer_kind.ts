/**
 * What an answer is: by its first bytes, because a content-type may be wrong or missing.
 *
 * Source: docs/openrouter.md, "SSE" and "Errors".
 */

export type AnswerKind = "json" | "events" | "other";

/** What a content-type says: `text` may turn out to be anything. */
export type ToldKind = AnswerKind | "text";

const FIELD_NAMES = ["data", "event", "id", "retry"];
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;

export function kindToldBy(contentType: string | null): ToldKind {
  const type = withoutParameters(contentType ?? "").trim().toLowerCase();
  if (type === "text/event-stream") return "events";
  if (type === "application/json" || type.endsWith("+json")) return "json";
  return type === "" || type.startsWith("text/") ? "text" : "other";
}

function withoutParameters(contentType: string): string {
  const end = contentType.indexOf(";");
  return end === -1 ? contentType : contentType.slice(0, end);
}

/** Where a body begins, behind white space and a byte order mark; its length: it has not begun. */
export function beginningOf(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length && SPACES.has(bytes[at]!)) at++;
  return at;
}

/**
 * @param head the body from its beginning on
 * @returns null: more of it is needed, which is less than a line
 */
export function kindOf(told: ToldKind, head: Uint8Array): AnswerKind | null {
  if (told === "other") return "other";
  if (head.length === 0) return null;
  if (head[0] === OPEN_OBJECT || head[0] === OPEN_ARRAY) return "json";
  if (told === "events") return "events";
  const otherwise = told === "json" ? "json" : "other";
  const text = String.fromCharCode(...head.subarray(0, 8));
  const colon = text.indexOf(":");
  // A line that begins with a colon is a comment.
  if (colon !== -1) {
    return colon === 0 || FIELD_NAMES.includes(text.slice(0, colon)) ? "events" : otherwise;
  }
  return FIELD_NAMES.some((name) => name.startsWith(text)) ? null : otherwise;
}
