import assert from "node:assert/strict";
import { sharedTimer } from "./shared_timer.ts";

Deno.test("sharedTimer makes one timer for all that wait together, and another for who comes later", () => {
  const { setTimeout, clearTimeout } = globalThis;
  const timers: [ring: () => void, ms: unknown][] = [];
  try {
    globalThis.setTimeout = ((ring: () => void, ms: unknown) =>
      timers.push([ring, ms])) as unknown as typeof setTimeout;
    const called: string[] = [];
    const later = sharedTimer(7);
    for (const name of ["a", "b"]) {
      later(() => {
        called.push(name);
        later(() => called.push(`after ${name}`));
      });
    }
    assert.deepEqual([timers.map(([, ms]) => ms), called], [[7], []]);
    timers[0]![0]();
    assert.deepEqual([timers.length, called], [2, ["a", "b"]]);
    timers[1]![0]();
    assert.deepEqual(called, ["a", "b", "after a", "after b"]);

    const cleared: unknown[] = [];
    globalThis.clearTimeout = (timer) => void cleared.push(timer);
    const callback = () => void called.push("never");
    const stopWaiting = [later(callback), later(() => {})];
    stopWaiting[0]!();
    assert.deepEqual(cleared, []);
    for (const stop of [...stopWaiting].reverse()) stop();
    assert.deepEqual(cleared, [3], "the third timer, once nobody waits");
    later(() => {});
    assert.equal(timers.length, 4);
    for (const stop of stopWaiting) stop();
    assert.deepEqual(cleared, [3], "who has stopped waiting before stops nobody else's timer");
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
});
