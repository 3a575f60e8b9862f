/** Decimal numbers with all their digits, which a JavaScript number would round. */

// JSON.rawJSON is older in V8 than in TypeScript's library.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** A value that JSON.stringify writes as this very number. @param text a decimal number */
export function decimalNumber(text: string): unknown {
  return rawJSON(text);
}
