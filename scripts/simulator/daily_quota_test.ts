import assert from "node:assert/strict";
import type { Call } from "./call.ts";
import { dataset } from "./statistics.ts";
import { DailyQuota } from "./daily_quota.ts";
import { ApiError } from "./errors.ts";
import { Ledger } from "./ledger.ts";

Deno.test("a day's quota is used up, and there again with the next day of UTC", () => {
  let now = Date.parse("2026-11-27T23:59:59.999Z");
  const quota = new DailyQuota(2, () => now);
  quota.take();
  quota.take();
  assert.throws(() => quota.take(), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 429);
    assert.deepEqual(error.headers, {
      "X-RateLimit-Limit": "2",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": String(Date.parse("2026-11-28T00:00:00Z")),
    });
    return true;
  });
  now++;
  quota.take();
});

Deno.test("datasets are read 500 times a day, by all keys of the account together", () => {
  const ledger = new Ledger({ generationDelayMs: 0, analyticsDelayMs: 0 });
  const read = () => dataset({ parameter: "rankings-daily", ledger } as unknown as Call).status;
  for (let n = 0; n < 500; n++) assert.equal(read(), 200);
  assert.throws(read, { name: "ApiError", status: 429 });
});
