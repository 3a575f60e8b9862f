import assert from "node:assert/strict";
import { paceSince } from "./pace.ts";
import { endable, type UnderWay } from "./slow_bodies.ts";

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
const endedFor = (of: UnderWay, others: UnderWay[]) =>
  endable([of, ...others], { kind: "verified", did: null, slots: 0, bytes: 1, of }, NOW);

Deno.test("a body that had no time to become slow may outdo any that had, the slowest first", () => {
  const [fast, slow, young] = [body(5_000, 1_000), body(5_000, 10), body(999, 1)];
  assert.deepEqual(endedFor(body(999, 0), [fast, young, slow]), [slow, fast]);
});

Deno.test("a body that has become slow may outdo what is slower still", () => {
  const [faster, slower] = [body(5_000, 1_000), body(5_000, 10)];
  assert.deepEqual(endedFor(body(1_000, 50), [faster, slower]), [slower]);
});
