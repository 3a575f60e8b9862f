import fc from "fast-check";
import assert from "node:assert/strict";
import { parseKeepingDecimals } from "../bytes/decimal.ts";
import { casesOf, seed } from "../testing/properties.ts";
import { parseWithExactMoney } from "./told_values.ts";

const MONEY = new Set(["cost", "upstream_inference_cost", "total_cost"]);
const CLOSE = ["cos", "costs", "a cost", "cost_details", "", "Cost"];

const number = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,25})?([eE][+-]?\d{1,2})?$/);
const space = fc.constantFrom("", "", " ", "\n\t\r ");
const name = fc.oneof(
  fc.constantFrom(...MONEY, ...CLOSE).map((name) => JSON.stringify(name)),
  fc.constantFrom('"c\\u006fst"', '"\\"cost"', '"cost\\""'),
);
/** JSON as it may be written: all digits, spaces, escapes. */
const { object } = fc.letrec<{ json: string; object: string; array: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    number,
    fc.constantFrom("null", "true", '"cost"', '"cost: 1"', '":1"', '"\\"cost\\":1.50"', '"1.50"'),
    tie("object"),
    tie("array"),
  ),
  object: fc.array(fc.tuple(name, space, space, tie("json"), space), { maxLength: 4 })
    .map((members) =>
      `{${members.map(([name, a, b, value, c]) => `${name}${a}:${b}${value}${c}`).join(",")}}`
    ),
  array: fc.array(tie("json"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
}));

Deno.test("parseWithExactMoney is JSON.parse, but for amounts, which come as they are written", () => {
  fc.assert(
    fc.property(object, (text) => {
      assert.deepEqual(parseWithExactMoney(text), parseKeepingDecimals(text, MONEY));
    }),
    { numRuns: casesOf(3_000), seed },
  );
});

for (
  const text of [
    '{"cost":01}',
    '{"cost":1.}',
    '{"cost":.5}',
    '{"cost":+1}',
    '{"cost":1e}',
    '{"cost":1 2}',
    '{"cost":1"a":2}',
    '{"cost":1',
    '{"cost":-}',
    '{"cost"\u00a0:1}',
    '{"cost":1\u00a0}',
    '{"cost":1]',
    "",
  ]
) {
  Deno.test(`parseWithExactMoney does not take ${text} for JSON`, () => {
    assert.throws(() => parseWithExactMoney(text), SyntaxError);
  });
}
