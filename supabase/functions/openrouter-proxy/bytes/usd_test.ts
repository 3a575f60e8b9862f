import assert from "node:assert/strict";
import { creditsOfUsd, dividedUp, usdOfCredits, usdText, usdUnits } from "./usd.ts";

for (
  const [text, exact] of [
    ["0", "0"],
    ["12", "12"],
    ["0.00000015", "0.00000015"],
    ["7.765e-06", "0.000007765"],
    ["1E2", "100"],
    ["1.50", "1.5"],
    ["0.0000000000000000001", "0.000000000000000001"],
    ["1e-30", "0.000000000000000001"],
    ["0e-999", "0"],
  ] as const
) {
  Deno.test(`usdUnits and usdText make ${exact} of ${text}`, () => {
    assert.equal(usdText(usdUnits(text)!), exact);
  });
}

Deno.test("usdUnits reads what is negative, and rounds it up as well", () => {
  assert.equal(usdUnits("-1"), -(10n ** 18n));
  assert.equal(usdUnits("-1e-30"), 0n);
});

Deno.test("usdUnits takes no other text, and no number that would be work", () => {
  for (const text of ["", " 1", "1,5", "0x1", "NaN", "1e9999", "9".repeat(41), "--1", ".5"]) {
    assert.equal(usdUnits(text), null, text);
  }
});

Deno.test("dividedUp never gives less than the quotient", () => {
  assert.deepEqual([dividedUp(0n, 3n), dividedUp(3n, 3n), dividedUp(4n, 3n)], [0n, 1n, 2n]);
});

Deno.test("credits and dollars are exchanged at the operator's rate, never to anybody's favour", () => {
  assert.equal(usdOfCredits("0.10", "1"), "0.10");
  assert.equal(creditsOfUsd("0.10", "1"), "0.10");
  assert.equal(usdOfCredits("2.5", "0.000001"), "0.0000025");
  assert.equal(creditsOfUsd("2.5", "0.000001"), "2500000");
  assert.equal(usdOfCredits("0.000000000000000001", "0.5"), "0.000000000000000001");
  assert.equal(creditsOfUsd("1", "3"), "0.333333333333333333");
});
