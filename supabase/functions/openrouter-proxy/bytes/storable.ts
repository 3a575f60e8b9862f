/** Texts of others, as they are put into the database. */

/** Where the caller asks for no other. */
const MAX_TEXT_LENGTH = 256;

/** Control characters but those that JSON has short escapes for: `\b`, `\t`, `\n`, `\f` and `\r`. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const UNSPEAKABLE = /[\0-\x07\x0b\x0e-\x1f]/g;

/**
 * A text that Postgres takes, and whose length in JSON is bounded too: no lone surrogates, and no
 * control characters that JSON spells with six characters.
 *
 * @param maxLength in UTF-16 code units
 */
export function storable(value: string, maxLength = MAX_TEXT_LENGTH): string {
  return value.slice(0, maxLength).replace(UNSPEAKABLE, "").toWellFormed();
}
