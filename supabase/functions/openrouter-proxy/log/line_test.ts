import assert from "node:assert/strict";
import fc from "fast-check";
import { decimalNumber } from "../bytes/decimal.ts";
import { utf8 } from "../bytes/encodings.ts";
import { lineOf, MAX_LINE_BYTES } from "./line.ts";

Deno.test("a line that is short enough is the event's JSON, amounts of money included", () => {
  const event = { level: "info", cost_usd: decimalNumber("0.00000000000000000001"), did: null };
  assert.equal(lineOf(event), '{"level":"info","cost_usd":0.00000000000000000001,"did":null}');
});

Deno.test("a line that is too long has its long texts cut, and all else", () => {
  const event = {
    level: "error",
    event: "request",
    cost_usd: decimalNumber("0.10"),
    error: "short",
    cause: "at file:///x.ts\n".repeat(2_000),
    nested: { items: ["y".repeat(5_000), 1] },
    whole: "z".repeat(2_000),
  };
  const line = lineOf(event);
  assert.ok(line.includes('"cost_usd":0.10,'));
  const { cause, nested, whole, ...others } = JSON.parse(line);
  assert.equal(whole, event.whole);
  assert.deepEqual(others, { level: "error", event: "request", cost_usd: 0.1, error: "short" });
  assert.ok(cause.length > 1_000 && event.cause.startsWith(cause.slice(0, -1)));
  assert.equal(cause.at(-1), "…");
  assert.deepEqual(nested.items[1], 1);
});

Deno.test("a line that is too long without its texts, too, keeps its first plain members", () => {
  const items = Array.from({ length: 10_000 }, (_, n) => n);
  assert.deepEqual(JSON.parse(lineOf({ level: "warn", event: "x", items, status: 1 })), {
    level: "warn",
    event: "x",
    status: 1,
    left_out: "…",
  });
});

Deno.test("a line of too many members keeps the first forty", () => {
  const members = Array.from({ length: 2_000 }, (_, n) => [`member${n}`, n]);
  assert.deepEqual(
    Object.entries(JSON.parse(lineOf(Object.fromEntries(members)))),
    [...members.slice(0, 40), ["left_out", "…"]],
  );
});

Deno.test("a text is not cut within a character", () => {
  for (const before of ["", "x"]) {
    const { cause } = JSON.parse(lineOf({ cause: before + "😀".repeat(5_000) }));
    assert.equal(cause.isWellFormed() && cause.startsWith(`${before}😀`), true);
  }
});

Deno.test("whatever an event holds, its line is JSON that is short enough", () => {
  const texts = fc.string({ unit: "binary", size: "max", maxLength: 20_000 });
  const events = fc.dictionary(texts, fc.oneof(texts, fc.jsonValue({ maxDepth: 4 })), {
    maxKeys: 200,
  });
  fc.assert(
    fc.property(events, (event) => {
      const line = lineOf(event);
      assert.ok(utf8(line).length <= MAX_LINE_BYTES);
      assert.doesNotMatch(line, /\n/);
      JSON.parse(line);
    }),
    { numRuns: 50 },
  );
});
