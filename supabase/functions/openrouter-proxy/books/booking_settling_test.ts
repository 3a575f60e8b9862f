import assert from "node:assert/strict";
import { answer, ANSWERED, bookkeeping, BROKEN, CALL } from "../testing/bookkeeping.ts";
import type { BookingEnding } from "./booking.ts";

const ENDINGS: [what: string, ending: BookingEnding][] = [
  ["was answered", ANSWERED],
  ["broke", BROKEN],
  ["was none", { kind: "no_such_path" }],
];

for (const [what, ending] of ENDINGS) {
  Deno.test(`a call that ${what} is one of its DID's that have ended, until it is in the books`, async () => {
    const { promise: until, resolve: takeIt } = Promise.withResolvers<void>();
    const { openCall, endedCallsOf, idle, settled } = bookkeeping({ until });
    const booking = openCall(CALL);
    await idle();
    assert.equal(endedCallsOf(CALL.did), null, "while it is under way");

    booking.end(ending);
    await idle();
    assert.notEqual(endedCallsOf(CALL.did), null);
    assert.equal(endedCallsOf("did:key:z6Other"), null);

    takeIt();
    await booking.settled;
    assert.equal(endedCallsOf(CALL.did), null);
    await settled();
  });
}

Deno.test("a DID's books are up to date when its calls are settled, and what its looks at jobs told is booked", async () => {
  const { promise: until, resolve: takeIt } = Promise.withResolvers<void>();
  const { openCall, openJob, endedCallsOf, upToDate, idle, ...books } = bookkeeping({
    until,
    sleep: () => new Promise(() => {}),
  });
  const booking = openJob({ did: CALL.did, jobId: "job-1" });
  booking.answering(answer({ id: "job-1", cost: "0.5" }));
  booking.end(ANSWERED);
  await idle();
  assert.equal(endedCallsOf(CALL.did), null, "it holds nothing that a call could have");
  openCall(CALL).end(ANSWERED);
  let isUpToDate = false;
  const waiting = upToDate(CALL.did).then(() => isUpToDate = true);
  await idle();
  assert.equal(isUpToDate, false);
  takeIt();
  await waiting;
  assert.deepEqual([books.lateCosts.length, books.settlements.length], [1, 1]);
  await upToDate("did:key:z6Other");
  await books.settled();
});

Deno.test("whoever waits for a booking, or for its DID's, lets its settlement wait for no others", async () => {
  const { promise: until, resolve: takeIt } = Promise.withResolvers<void>();
  const { openCall, endedCallsOf, hurried, settled } = bookkeeping({ until });
  const booking = openCall(CALL);
  booking.end(ANSWERED);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(hurried(), 0);
  booking.hurry();
  assert.equal(hurried(), 1);
  const waiting = endedCallsOf(CALL.did)!.areSettled();
  assert.equal(hurried(), 2);
  takeIt();
  await waiting;
  await settled();
});

Deno.test("a worker that is about to go lets no settlement wait for others", async () => {
  const { openCall, retire, hurried, settled } = bookkeeping();
  const booking = openCall(CALL);
  retire("wall_clock");
  assert.equal(hurried(), 1);
  booking.end(ANSWERED);
  await settled();
});
