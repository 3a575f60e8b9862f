/**
 * A body as JSON: UTF-8, within bounds, read by a visitor and never made into a document, so that a
 * hostile body costs no more than its length.
 *
 * Source: RFC 8259.
 */
import type { Bytes } from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor } from "../bytes/json_scanner.ts";
import { GatewayError } from "../errors.ts";

/** Far more than calls have, and little enough for a scan of some ten milliseconds a megabyte. */
const BOUNDS = { maxDepth: 128, maxValues: 1_000_000, maxMembers: 250_000 };
const DECODED_AT_ONCE_BYTES = 64 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** RFC 8259 section 2. */
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];

/** @throws {GatewayError} invalid_request, request_too_large */
export function scan(body: Bytes, visitor: JsonVisitor): void {
  const scanner = new JsonScanner(visitor, BOUNDS);
  scanner.feed(body);
  const { error, isComplete } = scanner;
  if (error === null && isComplete) return;
  if (error?.kind === "values") {
    throw new GatewayError("request_too_large", `the request body is too large: ${error.message}`);
  }
  const problem = error?.kind === "depth" ? "is not accepted" : "is not valid JSON";
  const why = error?.message ?? "it ends too early";
  throw new GatewayError("invalid_request", `the request body ${problem}: ${why}`);
}

/** @throws {GatewayError} invalid_request */
export function assertUtf8(body: Bytes): void {
  const strict = new TextDecoder("utf-8", { fatal: true });
  try {
    for (let at = 0; at < body.length; at += DECODED_AT_ONCE_BYTES) {
      strict.decode(body.subarray(at, at + DECODED_AT_ONCE_BYTES), { stream: true });
    }
    strict.decode();
  } catch {
    throw new GatewayError(
      "invalid_request",
      "the request body is not valid JSON: it is not UTF-8",
    );
  }
}

/** However much white space comes first: whoever parses JSON passes over all of it. */
export function looksLikeJson(body: Bytes): boolean {
  let at = BYTE_ORDER_MARK.every((byte, i) => body[i] === byte) ? BYTE_ORDER_MARK.length : 0;
  while (WHITE_SPACE.includes(body[at]!)) at++;
  return body[at] === 0x7b || body[at] === 0x5b;
}
