import fc from "fast-check";
import assert from "node:assert/strict";
import { utf8 } from "./encodings.ts";
import { cut } from "../testing/cut.ts";
import { cuttings, everything, json, places, scan, type Told } from "../testing/json_scans.ts";

function toldOf(chunks: Uint8Array[]): Told {
  const told: Told = { scalars: [], brackets: [] };
  scan(chunks, everything(told));
  return told;
}

/** The same of a parsed document without repeated names. */
function scalarsOf(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((item, i) => scalarsOf(item, `${path}[${i}]`));
  return Object.entries(value).flatMap(([name, member]) =>
    scalarsOf(member, `${path}.${JSON.stringify(name)}`)
  );
}

Deno.test("JsonScanner tells the same of a text in any pieces", () => {
  fc.assert(
    fc.property(json, places, (written, at) => {
      // A number at the top may always go on, and is told by what comes behind it.
      const bytes = utf8(`${written} `);
      assert.deepEqual(toldOf(cut(bytes, at)), toldOf([bytes]));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("JsonScanner tells every scalar of a document at its place, as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat({ max: 3 }), places, (value, indent, at) => {
      const written = `${JSON.stringify(value, null, indent)} `;
      const { scalars } = toldOf(cut(utf8(written), at));
      const parsed = scalars.map(([path, json]) => [path, JSON.parse(json!)] as const);
      // Objects list members with integer names first, texts as they were written.
      const inOrder = (list: readonly (readonly [string, unknown])[]) =>
        list.map(([path, found]) => `${path} ${JSON.stringify(found)}`).sort();
      assert.deepEqual(inOrder(parsed), inOrder(scalarsOf(JSON.parse(written))));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("JsonScanner tells where objects and arrays begin and end, from the text's first byte on", () => {
  for (const chunks of cuttings(utf8('\ufeff[{"é":{}}, [ ]]'))) {
    assert.deepEqual(toldOf(chunks).brackets, [
      "[ at 3",
      "[0]{ at 4",
      '[0]."é"{ at 10',
      '[0]."é" empty ends at 11',
      "[0] ends at 12",
      "[1][ at 15",
      "[1] empty ends at 17",
      " ends at 18",
    ]);
  }
});
