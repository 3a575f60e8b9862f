/**
 * A body as JSON: UTF-8, within bounds, read by a visitor and never made into a document, so that a
 * hostile body costs no more than its length.
 *
 * Source: RFC 8259.
 */
import {
  BYTE_ORDER_MARK,
  type Bytes,
  strictDecoder,
  strictTextOf,
  textOf,
} from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor } from "../bytes/json_scanner.ts";
import { GatewayError } from "../errors.ts";

/** Far more than calls have, and little enough for a scan of some ten milliseconds a megabyte. */
const BOUNDS = { maxDepth: 128, maxValues: 1_000_000, maxMembers: 250_000 };
/** What is looked at here: to make a text of what is longer, and throw that away, is quicker. */
const SHORT_BYTES = 1024;
const DECODED_AT_ONCE_BYTES = 64 * 1024;
/** RFC 8259 section 2. */
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];

/** How much text a body is. */
export interface TextSize {
  bytes: number;
  /** How many of the bytes are no ASCII, or more. */
  nonAsciiBytes: number;
  /** How many characters, or halves of them, are written as `\\u` and four digits. */
  unicodeEscapes: number;
  /** How many numbers it has: a prompt may be a list of tokens. */
  numbers: number;
}

/** @throws {GatewayError} invalid_request, request_too_large */
export function scan(
  body: Bytes,
  visitor: JsonVisitor,
): Pick<TextSize, "unicodeEscapes" | "numbers"> {
  const scanner = new JsonScanner(visitor, BOUNDS);
  scanner.feed(body);
  const { error, isComplete } = scanner;
  if (error === null && isComplete) return scanner;
  if (error?.kind === "values") {
    throw new GatewayError("request_too_large", `the request body is too large: ${error.message}`);
  }
  const problem = error?.kind === "depth" ? "is not accepted" : "is not valid JSON";
  const why = error?.message ?? "it ends too early";
  throw new GatewayError("invalid_request", `the request body ${problem}: ${why}`);
}

/**
 * @returns at most how many of the bytes are no ASCII: a character of 2, 3 or 4 bytes is 1, 1 or 2
 *   units of UTF-16, so that they are no more than twice what the bytes are more than the units
 * @throws {GatewayError} invalid_request
 */
export function assertUtf8(body: Uint8Array): number {
  if (body.length <= SHORT_BYTES && isAscii(body)) return 0;
  try {
    return Math.min(body.length, 2 * (body.length - utf16UnitsOf(body)));
  } catch {
    throw new GatewayError(
      "invalid_request",
      "the request body is not valid JSON: it is not UTF-8",
    );
  }
}

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return false;
  }
  return true;
}

/** @throws {TypeError} where they are no UTF-8 */
function utf16UnitsOf(body: Uint8Array): number {
  if (body.length <= DECODED_AT_ONCE_BYTES) return strictTextOf(body).length;
  const pieces = strictDecoder();
  let units = 0;
  for (let at = 0; at < body.length; at += DECODED_AT_ONCE_BYTES) {
    const piece = body.subarray(at, at + DECODED_AT_ONCE_BYTES);
    units += pieces.decode(piece, { stream: true }).length;
  }
  pieces.decode();
  return units;
}

/** @param json a text as it is written in a body that is UTF-8 */
export function sizeOfText(json: Uint8Array): TextSize {
  return {
    bytes: json.length,
    nonAsciiBytes: assertUtf8(json),
    unicodeEscapes: textOf(json).split("\\u").length - 1,
    numbers: 0,
  };
}

/** However much white space comes first: whoever parses JSON passes over all of it. */
export function looksLikeJson(body: Bytes): boolean {
  let at = BYTE_ORDER_MARK.every((byte, i) => body[i] === byte) ? BYTE_ORDER_MARK.length : 0;
  while (WHITE_SPACE.includes(body[at]!)) at++;
  return body[at] === 0x7b || body[at] === 0x5b;
}
