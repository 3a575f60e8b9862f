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

Deno.test("a look at a job is one of them until what the job cost is in the books", async () => {
  const { promise: until, resolve: takeIt } = Promise.withResolvers<void>();
  const { openJob, endedCallsOf, lateCosts, idle, settled } = bookkeeping({ until });
  const booking = openJob({ did: CALL.did, jobId: "job-1" });
  booking.answering(answer({ id: "job-1", cost: "0.5" }));
  booking.end(ANSWERED);
  await idle();
  assert.notEqual(endedCallsOf(CALL.did), null);
  takeIt();
  await booking.settled;
  assert.deepEqual([endedCallsOf(CALL.did), lateCosts.length], [null, 1]);
  await settled();
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
