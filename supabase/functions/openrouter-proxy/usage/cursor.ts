/**
 * Where a page of the request log ended, as text that says nothing to whoever hands it on: the key of
 * its last row, which no row that arrives or ends later can change.
 *
 * Source: docs/protocol.md, "Requests".
 */
import { base64urlnopad, hex } from "@scure/base";
import { type Bytes, decodeBase64url, toInteger } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";
import type { LogPlace } from "../store/usage.ts";

/** Microseconds since the epoch, then the bytes of the id. */
const TIME_BYTES = 8;
const CURSOR_BYTES = TIME_BYTES + 16;
const LAST_MICROSECOND = BigInt(Date.parse("9999-12-31T23:59:59.999Z")) * 1000n;

/** @param place its time with six digits of a second */
export function cursorAfter({ requestTime, id }: LogPlace): string {
  const bytes: Bytes = new Uint8Array(CURSOR_BYTES);
  const micros = BigInt(Date.parse(requestTime)) * 1000n + BigInt(requestTime.slice(-4, -1));
  new DataView(bytes.buffer).setBigUint64(0, micros);
  bytes.set(hex.decode(id.replaceAll("-", "")), TIME_BYTES);
  return base64urlnopad.encode(bytes);
}

/** @throws {GatewayError} invalid_request for what is no cursor of ours */
export function placeOf(cursor: string): LogPlace {
  const bytes = decodeBase64url(cursor);
  const micros = bytes === null ? 0n : toInteger(bytes.slice(0, TIME_BYTES));
  if (bytes?.length !== CURSOR_BYTES || micros > LAST_MICROSECOND) {
    throw new GatewayError(
      "invalid_request",
      "cursor must be the next_cursor of an answer; leave it out to begin with the newest request",
      { details: { param: "cursor" } },
    );
  }
  const time = new Date(Number(micros / 1000n)).toISOString();
  const [, a, b, c, d, e] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(
    hex.encode(bytes.slice(TIME_BYTES)),
  )!;
  return {
    requestTime: time.replace("Z", `${String(micros % 1000n).padStart(3, "0")}Z`),
    id: `${a}-${b}-${c}-${d}-${e}`,
  };
}
