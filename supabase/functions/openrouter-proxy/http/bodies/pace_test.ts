import assert from "node:assert/strict";
import { paceSince } from "./pace.ts";

for (const seconds of [0.1, 1, 5, 60]) {
  Deno.test(`paceSince tells what comes evenly as it comes, after ${seconds} s`, () => {
    const pace = paceSince(1_000);
    for (let ms = 10; ms <= seconds * 1000; ms += 10) pace.arrived(1_000, 1_000 + ms);
    const told = pace.at(1_000 + seconds * 1000);
    // Chunks of ten milliseconds are not quite even.
    assert.ok(Math.abs(told - 100) < 10, `${told}`);
  });
}

Deno.test("paceSince forgets a burst, so that what trickles on is overtaken by what flows", () => {
  const burst = paceSince(0);
  burst.arrived(16_000_000, 0);
  const flow = paceSince(0);
  for (let ms = 100; ms <= 15_000; ms += 100) {
    flow.arrived(100_000, ms);
    if (ms === 1_000) assert.ok(burst.at(ms) > flow.at(ms));
  }
  assert.ok(burst.at(15_000) < flow.at(15_000) / 50);
});

Deno.test("paceSince is nothing where nothing came, and at its first moment", () => {
  const pace = paceSince(5);
  assert.equal(pace.at(5), 0);
  assert.equal(pace.at(1_000), 0);
  pace.arrived(10, 1_000);
  assert.ok(pace.at(1_000) > 0);
  const early = paceSince(0);
  early.arrived(10, 0);
  assert.ok(early.at(0.5) > 0);
});

Deno.test("paceSince keeps a third of what came two seconds ago", () => {
  const pace = paceSince(0);
  pace.arrived(1_000, 0);
  // What has come in the 2 s so far, of bytes and of time, both less by a factor of e at their beginning.
  const expected = 1_000 / Math.E / (2_000 * (1 - 1 / Math.E));
  assert.ok(Math.abs(pace.at(2_000) / expected - 1) < 1e-9, `${pace.at(2_000)}`);
});

Deno.test("paceSince counts what came just now in full, however long nothing had come", () => {
  const pace = paceSince(0);
  pace.arrived(1_000, 2_000);
  const expected = 1_000 / (2_000 * (1 - 1 / Math.E));
  assert.ok(Math.abs(pace.at(2_000) / expected - 1) < 1e-9, `${pace.at(2_000)}`);
});
