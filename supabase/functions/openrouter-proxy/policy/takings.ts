/** How the values of a body's members are taken: as JSON text, or as the texts that they are. */
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import type { Taking, TextTaking } from "../bytes/json_passage.ts";

/** A longer text is not told: nothing that is looked for is that long. */
export const MAX_TEXT_BYTES = 4096;
/** As the text of a number, or of another short scalar. */
export const MAX_SCALAR_BYTES = 64;

/** Takes the JSON text of a scalar; null for a long one. */
export function taking(text: (json: string | null) => void): TextTaking {
  return { maxBytes: MAX_SCALAR_BYTES, text };
}

/** Takes strings; null: one that is too long. */
export function takingText(use: (text: string | null) => void): TextTaking {
  return {
    maxBytes: MAX_TEXT_BYTES,
    text(json) {
      const value: unknown = json === null ? null : JSON.parse(json);
      if (json === null || typeof value === "string") use(value as string | null);
    },
  };
}

/** Takes what it is set to, as types are compared: empty for null, and for what is no short text. */
export function takingOption(use: (option: string) => void): TextTaking {
  return taking((json) => {
    const value: unknown = json === null ? null : JSON.parse(json);
    use(typeof value === "string" ? plain(value) : "");
  });
}

/** Takes a scalar however long it is: a body is read in one piece, of which this is a part. */
export function wholeScalar(use: (json: Uint8Array) => void): Taking {
  return {
    maxBytes: Infinity,
    value(json) {
      if (json !== null) use(json);
      return null;
    },
  };
}

/** Looks into a value as another visitor does. */
function into(others: JsonVisitor): JsonVisitor {
  return {
    begin: (at, isObject) => others.begin?.(at, isObject),
    end: (at, isEmpty) => others.end?.(at, isEmpty),
    item: () => others.item?.() ?? null,
    member: (name) => others.member?.(name) ?? null,
  };
}

/** Looks into a value as another visitor does, but for its items. @param item as a visitor has it */
export function itemsBeside(others: JsonVisitor, item: () => JsonVisitor | null): JsonVisitor {
  return { ...into(others), item };
}

/** Looks into a value as another visitor does, but takes it by itself where it is a scalar. */
export function scalarBeside(
  others: JsonVisitor,
  scalar: Taking | TextTaking,
): JsonVisitor {
  return { ...into(others), scalar };
}

/** Looks at a value as another visitor does, and tells that it is there and not null. */
export function presenceBeside(others: JsonVisitor, use: () => void): JsonVisitor {
  return {
    ...scalarBeside(others, taking((json) => json !== "null" && use())),
    begin(at, isObject) {
      use();
      others.begin?.(at, isObject);
    },
  };
}

/** As types and ids are compared: without white space around it, in lower case. */
export function plain(text: string | null): string {
  return (text ?? "").trim().toLowerCase();
}
