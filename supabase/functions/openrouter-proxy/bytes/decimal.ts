/**
 * Decimal numbers in JSON with all their digits, which a JavaScript number would round.
 *
 * Both ways need "JSON.parse source text access" of ECMAScript, which is older in V8 than in
 * TypeScript's library.
 */

const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** A value that JSON.stringify writes as this very number. @param text a decimal number */
export function decimalNumber(text: string): unknown {
  return rawJSON(text);
}

/**
 * Parses JSON, with the numbers of some members as the strings that they were written as.
 *
 * @param members the names of those members, at any depth
 * @throws {SyntaxError}
 */
export function parseKeepingDecimals(text: string, members: ReadonlySet<string>): unknown {
  const reviver = (name: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && members.has(name) ? context?.source ?? String(value) : value;
  return JSON.parse(text, reviver);
}
