import assert from "node:assert/strict";
import { Spend } from "./spend.ts";

Deno.test("Spend starts over at midnight UTC, on Mondays, and on the 1st", () => {
  const spend = new Spend();
  spend.add(1n, Date.parse("2026-10-31T23:59:59.999Z")); // a Saturday
  spend.add(10n, Date.parse("2026-11-01T00:00:00Z")); // a Sunday
  const sunday = Date.parse("2026-11-01T12:00:00Z");
  assert.equal(spend.in("daily", sunday), 10n);
  assert.equal(spend.in("weekly", sunday), 11n);
  assert.equal(spend.in("monthly", sunday), 10n);
  const monday = Date.parse("2026-11-02T00:00:00Z");
  assert.equal(spend.in("daily", monday), 0n);
  assert.equal(spend.in("weekly", monday), 0n);
  assert.equal(spend.in("monthly", monday), 10n);
  assert.equal(spend.total, 11n);
});
