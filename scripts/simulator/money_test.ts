import assert from "node:assert/strict";
import { decimal, jsonUsd, scientific, usd } from "./money.ts";

Deno.test("usd reads decimals and exponents exactly", () => {
  assert.equal(usd("0.00002415"), 24_150_000_000_000n);
  assert.equal(usd("7.765e-06"), usd("0.000007765"));
  assert.equal(usd("1e-10"), 100_000_000n);
  assert.equal(usd("12e3"), usd("12000"));
  assert.equal(usd("-1"), -usd("1"));
  assert.equal(usd("0.10e-17"), 1n);
});

Deno.test("usd refuses what it cannot hold", () => {
  assert.throws(() => usd("1e-19"), RangeError);
  assert.throws(() => usd("one"), RangeError);
  assert.throws(() => usd(""), RangeError);
});

Deno.test("decimal and scientific write every digit and no more", () => {
  assert.equal(decimal(usd("0.0000001")), "0.0000001");
  assert.equal(decimal(usd("120.50")), "120.5");
  assert.equal(decimal(0n), "0");
  assert.equal(scientific(usd("0.000007765")), "7.765e-06");
  assert.equal(scientific(usd("25")), "2.5e+01");
  assert.equal(scientific(0n), "0");
});

Deno.test("jsonUsd makes a JSON number with more digits than a float holds", () => {
  const text = "12345678901234.123456789012345678";
  assert.equal(JSON.stringify({ cost: jsonUsd(usd(text)) }), `{"cost":${text}}`);
});
