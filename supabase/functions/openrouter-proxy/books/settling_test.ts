import assert from "node:assert/strict";
import { createSettling } from "./settling.ts";

const DID = "did:key:zTest";

/** Settling, whose patience ends when the test says so. */
function withPatience() {
  const sleepers: (() => void)[] = [];
  let hurried = 0;
  const settling = createSettling({
    hurry: () => hurried++,
    sleep(ms) {
      assert.equal(ms, 1_000);
      return new Promise((resolve) => sleepers.push(resolve));
    },
  });
  /** A call that has ended, and what settles it. */
  function end(did: string) {
    const call = Promise.withResolvers<void>();
    settling.add(did, call.promise);
    return call;
  }
  return {
    ...settling,
    end,
    hurried: () => hurried,
    losePatience: () => sleepers.splice(0).forEach((wake) => wake()),
  };
}

const settledIn = (promise: Promise<unknown>) => promise.then(() => {}, () => {});

Deno.test("nobody waits where no call has ended, or all are settled", async () => {
  const { end, callsOf, hurried } = withPatience();
  assert.equal(callsOf(DID), null);
  const [one, another] = [end(DID), end(DID)];
  assert.equal(callsOf("did:key:zOther"), null);
  one.resolve();
  await settledIn(one.promise);
  assert.notEqual(callsOf(DID), null);
  // A bug, of which the log tells.
  another.reject(new Error("x"));
  await settledIn(another.promise);
  assert.equal(callsOf(DID), null);
  assert.equal(hurried(), 0);
});

Deno.test("whoever waits does so for all that had ended, which wait for no others then", async () => {
  const { end, callsOf, hurried } = withPatience();
  const calls = [end(DID), end(DID)];
  const ended = callsOf(DID)!;
  end(DID);
  assert.equal(hurried(), 0);
  let isOver = false;
  const waiting = ended.areSettled();
  waiting.then(() => isOver = true);
  assert.equal(hurried(), 1);
  calls[1]!.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  calls[0]!.reject(new Error("x"));
  await waiting;
});

Deno.test("calls that are settled before somebody waits for them are", async () => {
  const { end, callsOf, hurried } = withPatience();
  const call = end(DID);
  const ended = callsOf(DID)!;
  call.resolve();
  await settledIn(call.promise);
  await ended.areSettled();
  assert.equal(hurried(), 0, "nothing is left to hurry");
});

Deno.test("nobody waits longer than a second", async () => {
  const { end, callsOf, losePatience } = withPatience();
  end(DID);
  let isOver = false;
  const waiting = callsOf(DID)!.areSettled().then(() => isOver = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  losePatience();
  await waiting;
});
