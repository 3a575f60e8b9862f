import assert from "node:assert/strict";
import { dayCount, pointOf, pointsOf, rangeOf, unitOf } from "./range.ts";

const NOW = Date.parse("2026-11-27T23:59:59Z");

Deno.test("rangeOf ends today, in UTC, and is as long as asked unless it says where it begins", () => {
  assert.deepEqual(rangeOf({ days: 30 }, NOW), { from: "2026-10-29", to: "2026-11-27" });
  assert.deepEqual(rangeOf({ days: 1 }, NOW), { from: "2026-11-27", to: "2026-11-27" });
  assert.deepEqual(rangeOf({ to: "2026-03-01", days: 2 }, NOW), {
    from: "2026-02-28",
    to: "2026-03-01",
  });
  assert.deepEqual(rangeOf({ from: "2026-01-01", to: "2026-01-01", days: 30 }, NOW), {
    from: "2026-01-01",
    to: "2026-01-01",
  });
});

for (
  const bad of [
    { from: "2026-11-28" },
    { from: "2026-11-02", to: "2026-11-01" },
    { from: "2026-02-29" },
    { to: "2026-13-01" },
    { to: "today" },
    { from: "2026-1-1" },
    { from: "0001-01-01" },
  ]
) {
  Deno.test(`rangeOf refuses ${JSON.stringify(bad)}`, () => {
    assert.throws(() => rangeOf({ ...bad, days: 30 }, NOW), { name: "UsageError" });
  });
}

Deno.test("long ranges are by weeks, that begin on Mondays, or by months", () => {
  const range = (days: number) => rangeOf({ days }, NOW);
  assert.deepEqual([30, 124, 125, 868, 869].map((days) => unitOf(range(days))), [
    "day",
    "day",
    "week",
    "week",
    "month",
  ]);
  assert.equal(dayCount(range(125)), 125);
  assert.equal(pointOf("2026-11-29", "week"), "2026-11-23");
  assert.equal(pointOf("2026-11-23", "week"), "2026-11-23");
  assert.equal(pointOf("2026-11-29", "month"), "2026-11-01");
  assert.deepEqual(pointsOf({ from: "2026-10-31", to: "2026-12-01" }, "month"), [
    "2026-10-01",
    "2026-11-01",
    "2026-12-01",
  ]);
});
