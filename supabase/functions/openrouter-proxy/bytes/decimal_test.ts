import assert from "node:assert/strict";
import { decimalNumber, parseKeepingDecimals } from "./decimal.ts";

for (
  const text of ["0", "-0.5", "0.12345678901234567890123", "7.765e-06", "123456789012345678901234"]
) {
  Deno.test(`decimalNumber writes ${text} with all its digits`, () => {
    assert.equal(JSON.stringify({ cost: decimalNumber(text) }), `{"cost":${text}}`);
  });
}

Deno.test("decimalNumber takes nothing but JSON", () => {
  for (const text of ["", "NaN", "1,2", "1}", '{"a":1}']) {
    assert.throws(() => decimalNumber(text), SyntaxError);
  }
});

Deno.test("parseKeepingDecimals keeps the digits of the numbers that are named, at any depth", () => {
  const text =
    '{"cost":0.10000000000000000001,"n":1.50,"rows":[{"cost":7e-10,"of":{"cost":-2.0}}]}';
  assert.deepEqual(parseKeepingDecimals(text, new Set(["cost"])), {
    cost: "0.10000000000000000001",
    n: 1.5,
    rows: [{ cost: "7e-10", of: { cost: "-2.0" } }],
  });
});

Deno.test("parseKeepingDecimals leaves what is no number as it is, whatever its name", () => {
  const text = '[{"cost":"1.50"},{"cost":null},{"cost":true},{"cost":{"a":1}},{"cost":[2]}]';
  assert.deepEqual(parseKeepingDecimals(text, new Set(["cost"])), JSON.parse(text));
});
