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

for (
  const [texts, length] of [[4, 2_000], [5, 1_000], [9, 1_000], [10, 500], [18, 500], [20, 200]]
    .concat([[45, 200], [50, 50], [140, 50], [200, 10], [380, 10]]) as [number, number][]
) {
  Deno.test(`of ${texts} texts that are too long ${length} characters each are kept`, () => {
    const event = Object.fromEntries(
      Array.from({ length: texts }, (_, n) => [n.toString(36), "x".repeat(3_000)]),
    );
    const kept = Object.values(JSON.parse(lineOf(event)));
    assert.deepEqual(kept, Array(texts).fill(`${"x".repeat(length)}…`));
  });
}

Deno.test("a line that is as long as the platform keeps is kept whole, and one byte more is not", () => {
  const event = (length: number) => ({ a: "x".repeat(length - '{"a":""}'.length) });
  assert.equal(lineOf(event(MAX_LINE_BYTES)), JSON.stringify(event(MAX_LINE_BYTES)));
  assert.equal(lineOf(event(MAX_LINE_BYTES + 1)), `{"a":"${"x".repeat(2_000)}…"}`);
  const wide = { a: "\u20ac".repeat(3_330) + "xx" };
  assert.equal(utf8(JSON.stringify(wide)).length, MAX_LINE_BYTES);
  assert.equal(lineOf(wide), JSON.stringify(wide));
  assert.notEqual(lineOf({ a: `${wide.a}x` }), JSON.stringify({ a: `${wide.a}x` }));
});

Deno.test("a line of members with long names keeps those with short ones, nothings included", () => {
  const long = Object.fromEntries(
    Array.from({ length: 300 }, (_, n) => [`${n}`.padStart(41, "n"), n]),
  );
  const short = { ["m".repeat(40)]: 1, none: null };
  assert.deepEqual(JSON.parse(lineOf({ ...long, ...short })), { ...short, left_out: "…" });
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
