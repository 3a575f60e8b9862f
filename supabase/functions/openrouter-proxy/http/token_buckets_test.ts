import assert from "node:assert/strict";
import { fakeClock } from "../testing/maintenance.ts";
import { TokenBuckets } from "./token_buckets.ts";

function bucketsOf(perMinute: number, capacity = 10) {
  const clock = fakeClock();
  return { clock, buckets: new TokenBuckets(perMinute, capacity, clock.now) };
}

Deno.test("a new bucket is full, and each token that is taken is missing", () => {
  const { buckets } = bucketsOf(3);
  assert.deepEqual(buckets.level("a"), {
    limit: 3,
    remaining: 3,
    resetSeconds: 0,
    retryAfterSeconds: 0,
  });
  assert.deepEqual(buckets.take("a"), {
    limit: 3,
    remaining: 2,
    resetSeconds: 20,
    retryAfterSeconds: 0,
  });
  assert.equal(buckets.level("a").remaining, 2);
});

Deno.test("each key has a bucket of its own", () => {
  const { buckets } = bucketsOf(1);
  buckets.take("a");
  assert.equal(buckets.level("a").remaining, 0);
  assert.equal(buckets.level("b").remaining, 1);
});

for (const perMinute of [1, 2, 7, 59, 60, 61, 300]) {
  Deno.test(`of ${perMinute} tokens a minute, one is there after the seconds that were told, and not a second before`, () => {
    const { buckets, clock } = bucketsOf(perMinute);
    for (let taken = 0; taken < perMinute; taken++) buckets.take("a");
    const { remaining, retryAfterSeconds, resetSeconds } = buckets.level("a");
    assert.deepEqual([remaining, resetSeconds], [0, 60]);
    assert.ok(retryAfterSeconds >= 1);
    clock.pass((retryAfterSeconds - 1) * 1000);
    assert.equal(buckets.level("a").remaining, 0);
    clock.pass(1000);
    assert.ok(buckets.level("a").remaining >= 1);
  });
}

Deno.test("a bucket fills evenly, and not beyond its limit", () => {
  const { buckets, clock } = bucketsOf(60);
  for (let taken = 0; taken < 60; taken++) buckets.take("a");
  for (const [passMs, remaining] of [[999, 0], [1, 1], [30_000, 31], [29_000, 60], [90_000, 60]]) {
    clock.pass(passMs!);
    assert.equal(buckets.level("a").remaining, remaining);
  }
});

Deno.test("a token a minute comes after a whole minute", () => {
  const { buckets, clock } = bucketsOf(1);
  buckets.take("a");
  for (const [passMs, remaining] of [[59_999, 0], [1, 1]] as const) {
    clock.pass(passMs);
    assert.equal(buckets.level("a").remaining, remaining);
  }
});

Deno.test("what is taken from an empty bucket is not owed", () => {
  const { buckets, clock } = bucketsOf(60);
  for (let taken = 0; taken < 600; taken++) buckets.take("a");
  clock.pass(1_000);
  assert.equal(buckets.level("a").remaining, 1);
});

Deno.test("a clock that is set back neither fills a bucket nor empties it", () => {
  const { buckets, clock } = bucketsOf(2);
  buckets.take("a");
  clock.pass(-3_600_000);
  assert.equal(buckets.level("a").remaining, 1);
  buckets.take("a");
  clock.pass(30_000);
  assert.equal(buckets.level("a").remaining, 1);
});

Deno.test("no more buckets are kept than there may be", () => {
  const { buckets } = bucketsOf(1, 2);
  for (const key of ["a", "b", "c"]) buckets.take(key);
  assert.deepEqual(["a", "b", "c"].map((key) => buckets.level(key).remaining), [1, 0, 0]);
});

Deno.test("when the clock is set back a bucket fills as fast as ever", () => {
  const { buckets, clock } = bucketsOf(1);
  buckets.take("a");
  clock.pass(-3_600_000);
  assert.equal(buckets.level("a").retryAfterSeconds, 60);
  clock.pass(60_000);
  assert.equal(buckets.level("a").remaining, 1);
});
