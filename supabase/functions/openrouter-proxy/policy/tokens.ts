/** How many tokens a text can be. */
import type { TextSize } from "./json_text.ts";

/**
 * English and code have four bytes or more to a token. Single digits, and letters at random, have fewer:
 * then this is no bound.
 */
const ASCII_BYTES_PER_TOKEN = 3;

/**
 * The tokens of a body's text, its JSON included: one for three bytes of ASCII, and one for each other
 * byte, which no tokenizer exceeds. An escape of six bytes stands for up to three bytes of text.
 */
export function tokensOf({ bytes, nonAsciiBytes, unicodeEscapes }: TextSize): number {
  return Math.ceil((bytes - nonAsciiBytes) / ASCII_BYTES_PER_TOKEN) + nonAsciiBytes +
    unicodeEscapes;
}
