/** How many tokens a text can be. */
import type { TextSize } from "./json_text.ts";

/**
 * A compromise. English has 4.4 to 4.9 bytes to a token, code 3.2 to 4.2, and JSON of short texts 2.7
 * to 3.7. Base64 has 1.2 to 1.5, letters at random 1.4 to 1.9, and digits 1 with tokenizers that take
 * each by itself: of such texts this is no bound.
 */
const ASCII_BYTES_PER_TOKEN = 3;

/**
 * The tokens of a body's text, its JSON included: one for three bytes of ASCII, and one for each other
 * byte, as rare scripts have. An escape of six bytes stands for up to three bytes of text. A number may be
 * a token itself: with what parts it from the next it has two bytes at least, and counts as one more.
 */
export function tokensOf({ bytes, nonAsciiBytes, unicodeEscapes, numbers }: TextSize): number {
  return Math.ceil((bytes - nonAsciiBytes + numbers) / ASCII_BYTES_PER_TOKEN) + nonAsciiBytes +
    unicodeEscapes;
}
