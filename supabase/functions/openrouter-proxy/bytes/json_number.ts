/**
 * The grammar of a JSON number, byte by byte.
 *
 * Source: RFC 8259, section 6.
 */

/** Where a reader is in a number: after some of these it may end, after the others it cannot yet. */
export const MINUS = 0;
const ZERO = 1;
const INTEGER = 2;
const POINT = 3;
const FRACTION = 4;
const EXPONENT = 5;
const EXPONENT_SIGN = 6;
const EXPONENT_DIGITS = 7;

/** The state after a number's first byte; -1: no number begins with it. */
export function firstInNumber(byte: number): number {
  if (byte === 0x2d) return MINUS;
  if (byte === 0x30) return ZERO;
  return byte > 0x30 && byte <= 0x39 ? INTEGER : -1;
}

/** The state after this byte; -1: it is not of the number. */
export function afterInNumber(state: number, byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) {
    switch (state) {
      case MINUS:
        return byte === 0x30 ? ZERO : INTEGER;
      case ZERO:
        return -1;
      case INTEGER:
        return INTEGER;
      case POINT:
      case FRACTION:
        return FRACTION;
      default:
        return EXPONENT_DIGITS;
    }
  }
  if (byte === 0x2e) return state === ZERO || state === INTEGER ? POINT : -1;
  if (byte === 0x65 || byte === 0x45) {
    return state === ZERO || state === INTEGER || state === FRACTION ? EXPONENT : -1;
  }
  return (byte === 0x2b || byte === 0x2d) && state === EXPONENT ? EXPONENT_SIGN : -1;
}

export function mayEndNumber(state: number): boolean {
  return state === ZERO || state === INTEGER || state === FRACTION || state === EXPONENT_DIGITS;
}
