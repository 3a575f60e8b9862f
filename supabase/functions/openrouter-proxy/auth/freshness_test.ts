import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { assertFresh, replayKeyExpiry } from "./freshness.ts";

const NOW_MS = 1_795_773_600_999;

/** How old a timestamp is, in ms → the refusal; null: it is accepted. */
const AGES: [ageMs: number, refusal: string | null][] = [
  [0, null],
  [300_000, null],
  [-60_000, null],
  [300_001, "t is 301 s old; at most 300 s are accepted"],
  [301_000, "t is 301 s old; at most 300 s are accepted"],
  [-60_001, "t is 61 s ahead; at most 60 s are accepted"],
  [-3_600_000, "t is 3600 s ahead; at most 60 s are accepted"],
];

for (const [ageMs, refusal] of AGES) {
  Deno.test(`a timestamp of ${ageMs} ms ago is ${refusal === null ? "accepted" : "refused"}`, () => {
    const check = () => assertFresh("t", NOW_MS - ageMs, NOW_MS);
    if (refusal === null) return check();
    assert.throws(check, (error) => {
      assert.ok(error instanceof GatewayError);
      assert.deepEqual([error.type, error.message], ["expired_timestamp", refusal]);
      assert.deepEqual(error.details, { server_time: 1_795_773_600 });
      return true;
    });
  });
}

Deno.test("a replay key is kept for a minute longer than its timestamp is accepted", () => {
  assert.equal(replayKeyExpiry(NOW_MS).getTime(), NOW_MS + 360_000);
});
