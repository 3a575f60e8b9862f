import assert from "node:assert/strict";
import { createSettling } from "./settling.ts";

const DID = "did:key:zTest";

/** Settling, whose patience ends when the test says so. */
function withPatience() {
  const sleepers: (() => void)[] = [];
  const settling = createSettling((ms) => {
    assert.equal(ms, 1_000);
    return new Promise((resolve) => sleepers.push(resolve));
  });
  return { ...settling, losePatience: () => sleepers.splice(0).forEach((wake) => wake()) };
}

Deno.test("nobody waits where no call has ended, or all are settled", () => {
  const { begin, callsOf } = withPatience();
  const settled = begin(DID);
  assert.equal(callsOf("did:key:zOther"), null);
  assert.notEqual(callsOf(DID), null);
  settled();
  assert.equal(callsOf(DID), null);
});

Deno.test("one waits until a call is settled, and no longer than a second", async () => {
  const { begin, callsOf, losePatience } = withPatience();
  const settled = begin(DID);
  const waiting = callsOf(DID)!.oneIsSettled();
  settled();
  assert.equal(await waiting, true);

  begin(DID);
  const longer = callsOf(DID)!.oneIsSettled();
  losePatience();
  assert.equal(await longer, false);
});

Deno.test("a call that is settled while an admission is under way has made room by then", async () => {
  const { begin, callsOf } = withPatience();
  const settled = begin(DID);
  const before = callsOf(DID)!;
  settled();
  assert.equal(await before.oneIsSettled(), true);
  assert.equal(await before.oneIsSettled(), false, "for one");
});

Deno.test("as many wait as calls have ended, and each that is settled makes room for one", async () => {
  const { begin, callsOf, losePatience } = withPatience();
  const settled = [begin(DID), begin(DID), begin(DID)];
  const calls = callsOf(DID)!;
  const waiting = [0, 1, 2].map(() => calls.oneIsSettled());
  assert.equal(await calls.oneIsSettled(), false);
  settled[1]!();
  assert.equal(await waiting[0], true);
  settled[0]!();
  assert.equal(await waiting[1], true);
  losePatience();
  assert.equal(await waiting[2], false);
  // Who has waited in vain is in nobody's way.
  const another = calls.oneIsSettled();
  settled[2]!();
  assert.equal(await another, true);
});
