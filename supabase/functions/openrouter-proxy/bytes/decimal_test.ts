import assert from "node:assert/strict";
import { decimalNumber } from "./decimal.ts";

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
