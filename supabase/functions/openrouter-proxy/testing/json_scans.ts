/** Texts read by a JsonScanner, in pieces. */
import fc from "fast-check";
import { concat, concatAll } from "../bytes/encodings.ts";
import { JsonScanner, type JsonVisitor, type ScanBounds } from "../bytes/json_scanner.ts";

export const WIDE: ScanBounds = { maxDepth: 1_000, maxValues: Infinity };
export const text = (bytes: Uint8Array) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

interface Scanned {
  scanner: JsonScanner;
  out: Uint8Array;
}

export function scan(chunks: Uint8Array[], visitor: JsonVisitor = {}, bounds = WIDE): Scanned {
  const scanner = new JsonScanner(visitor, bounds);
  const out = chunks.map((chunk) => scanner.feed(chunk).slice());
  return { scanner, out: concat(concatAll(out), scanner.release()) };
}

/** All ways to cut bytes in two, and byte by byte. */
export function cuttings(bytes: Uint8Array): Uint8Array[][] {
  const twos = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]);
  return [[bytes], ...twos, Array.from(bytes, (byte) => Uint8Array.of(byte))];
}

/** White space, more often none. */
const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 2 });
const string = fc.oneof(
  fc.string({ unit: "binary", maxLength: 6 }).map((value) => JSON.stringify(value)),
  fc.array(
    fc.constantFrom('\\"', "\\\\", "\\/", "\\u00e9", "\\ud83d\\uDE00", "\\ud800", "é", "🙂", "x"),
    { maxLength: 4 },
  ).map((parts) => `"${parts.join("")}"`),
);
const name = fc.oneof(fc.constantFrom('"a"', '"\\u0061"', '"b"', '"\ufeffa"'), string);
const scalar = fc.oneof(
  string,
  fc.constantFrom("true", "false", "null", "0", "-0", "1E400", "-1.5e-7", "12345678901234567890"),
  fc.double().filter(Number.isFinite).map(String),
);

/** JSON texts as somebody may write them: with odd spacing, escapes and repeated names. */
export const { json } = fc.letrec<{ json: string; value: string; array: string; object: string }>((
  tie,
) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    tie("array"),
    tie("object"),
  ),
  array: fc.tuple(space, fc.array(fc.tuple(tie("value"), space), { maxLength: 4 }))
    .map(([before, items]) => `[${before}${items.map((parts) => parts.join("")).join(",")}]`),
  object: fc.tuple(
    space,
    fc.array(fc.tuple(space, name, space, fc.constant(":"), space, tie("value"), space), {
      maxLength: 4,
    }),
  ).map(([before, members]) => `{${before}${members.map((parts) => parts.join("")).join(",")}}`),
  json: fc.tuple(space, tie("value"), space).map((parts) => parts.join("")),
}));

/** Where to cut a text. */
export const places = fc.array(fc.nat(), { maxLength: 6 });

export interface Told {
  /** Names, and `[]` for items, down to each scalar and its JSON. */
  scalars: [path: string, json: string | null][];
  brackets: string[];
}

/** Looks at everything. */
export function everything(told: Told, path = ""): JsonVisitor {
  let items = 0;
  return {
    member: (name) => everything(told, `${path}.${JSON.stringify(name)}`),
    item: () => everything(told, `${path}[${items++}]`),
    begin: (at, isObject) => told.brackets.push(`${path}${isObject ? "{" : "["} at ${at}`),
    end: (at, isEmpty) => told.brackets.push(`${path}${isEmpty ? " empty" : ""} ends at ${at}`),
    scalar: {
      maxBytes: 1_000,
      value(json) {
        told.scalars.push([path, json && text(json)]);
        return null;
      },
    },
  };
}
