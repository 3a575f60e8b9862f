import assert from "node:assert/strict";
import { ANSWERED, bookkeeping, BROKEN, CALL } from "../testing/bookkeeping.ts";
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
    const ended = endedCallsOf(CALL.did);
    assert.notEqual(ended, null);
    assert.equal(endedCallsOf("did:key:z6Other"), null);

    takeIt();
    await booking.settled;
    assert.equal(endedCallsOf(CALL.did), null);
    assert.equal(await ended!.oneIsSettled(), true);
    await settled();
  });
}
