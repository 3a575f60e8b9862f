import assert from "node:assert/strict";
import { paceSince } from "./pace.ts";
import { endable, type SenderKind, type UnderWay } from "./slow_bodies.ts";

const NOW = { nowMs: 10_000, isForMemory: false, waiting: 0 };

/** A body that began so long ago, of which all came just now. */
function body(ageMs: number, bytes: number): UnderWay {
  const sinceMs = NOW.nowMs - ageMs;
  const pace = paceSince(sinceMs);
  pace.arrived(bytes, NOW.nowMs);
  return {
    kind: "verified",
    did: null,
    sinceMs,
    pace,
    movedMs: NOW.nowMs,
    heldBytes: bytes,
    end() {},
  };
}

/** What may be ended for this body, which asks for more. */
const endedFor = (of: UnderWay, others: UnderWay[], now = NOW) =>
  endable([of, ...others], { kind: "verified", did: null, slots: 0, bytes: 1, of }, now);

Deno.test("a body that had no time to become slow may outdo any that had, the slowest first", () => {
  const [fast, slow, young] = [body(5_000, 1_000), body(5_000, 10), body(999, 1)];
  assert.deepEqual(endedFor(body(999, 0), [fast, young, slow]), [slow, fast]);
});

Deno.test("a body that has become slow may outdo what is slower still", () => {
  const [faster, slower] = [body(5_000, 1_000), body(5_000, 10)];
  assert.deepEqual(endedFor(body(1_000, 50), [faster, slower]), [slower]);
});

Deno.test("a body that is as slow as another does not outdo it", () => {
  assert.deepEqual(endedFor(body(5_000, 50), [body(5_000, 50)]), []);
});

const SHORT_OF_MEMORY = { ...NOW, isForMemory: true };
const MEGABYTE = 1024 * 1024;

Deno.test("large is what holds a megabyte, and four times what the one that asks would hold", () => {
  const held = (bytes: number) => body(1, bytes);
  const [small, large] = [held(MEGABYTE - 1), held(MEGABYTE)];
  assert.deepEqual(endedFor(held(10), [small, large], SHORT_OF_MEMORY), [large]);
  const [notFourTimes, fourTimes] = [held(8 * MEGABYTE), held(8 * MEGABYTE + 4)];
  const asking = held(2 * MEGABYTE);
  assert.deepEqual(endedFor(asking, [notFourTimes, fourTimes], SHORT_OF_MEMORY), [fourTimes]);
});

Deno.test("where memory is short, a large body has no claim by its pace, even on one that is slow", () => {
  const [slow, large] = [body(5_000, 50), body(5_000, 4 * MEGABYTE)];
  assert.deepEqual(endedFor(slow, [large], SHORT_OF_MEMORY), [large]);
  assert.deepEqual(endedFor(slow, [large]), []);
});

Deno.test("where memory is short, what turns over the least of what it holds goes first", () => {
  const [fastOfMuch, slowOfLittle] = [body(5_000, 1_000), body(5_000, 500)];
  Object.assign(fastOfMuch, { heldBytes: 10_000 });
  Object.assign(slowOfLittle, { heldBytes: 600 });
  const bodies = [slowOfLittle, fastOfMuch];
  assert.deepEqual(endedFor(body(1, 1), bodies, SHORT_OF_MEMORY), [fastOfMuch, slowOfLittle]);
  assert.deepEqual(endedFor(body(1, 1), bodies), [slowOfLittle, fastOfMuch]);
});

/** What may be ended for a newcomer of a kind. */
const endedForNewcomer = (kind: SenderKind, others: UnderWay[], now = NOW) =>
  endable(others, { kind, did: null, slots: 1, bytes: 1, of: null }, now);

/** A body that began and moved last so long ago. */
const stalled = (ms: number, kind: SenderKind = "verified"): UnderWay => ({
  ...body(ms, 1),
  kind,
  movedMs: NOW.nowMs - ms,
});

Deno.test("a body that asks for more ends neither itself nor what stalled no longer than it did", () => {
  const [shorter, asLong, longer] = [stalled(2_999), stalled(3_000), stalled(3_001)];
  // Of it nothing has come, so that none is slower.
  const of = { ...stalled(3_000), pace: paceSince(NOW.nowMs - 3_000) };
  assert.deepEqual(endedFor(of, [shorter, asLong, longer]), [longer]);
});

Deno.test("what is verified is spared for a newcomer that is not, and what is not for nobody", () => {
  const [verified, unverified] = [stalled(5_000), stalled(2_000, "unverified")];
  assert.deepEqual(endedForNewcomer("unverified", [verified, unverified]), [unverified]);
  assert.deepEqual(endedForNewcomer("verified", [verified, unverified]), [verified, unverified]);
});

Deno.test("the grace of what does not move has a part less per 64 that wait", () => {
  const [before, at] = [stalled(499), stalled(500)];
  const ended = [63, 64, 65].map((waiting) =>
    endedForNewcomer("verified", [before, at], { ...NOW, waiting })
  );
  assert.deepEqual(ended, [[], [at], [at]]);
});
