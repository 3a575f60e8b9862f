/** Tests of what the store asks of Postgres, and of what it makes of the answers. */
import assert from "node:assert/strict";
import type { StoreCall } from "../store/rpc.ts";
import { isAnswerOf, type Rpc } from "../store/rpc_answers.ts";

export interface CallCase<Calls> {
  rpc: Rpc;
  ask: (calls: Calls) => Promise<unknown>;
  sent: unknown;
  answer?: unknown;
  told?: unknown;
}

/** One of each kind of JSON. */
const ANSWERS: readonly unknown[] = [true, 1, "x", [], {}, null];

const kindOf = (json: unknown) =>
  Array.isArray(json) ? "array" : json === null ? "null" : typeof json;

/**
 * Tests that each call reaches one RPC with what it says, and tells what that answers; and that what is
 * no such answer is known for none.
 */
export function testCalls<Calls>(
  callsOf: (call: StoreCall) => Calls,
  cases: CallCase<Calls>[],
): void {
  for (const { rpc, ask, sent, answer, told } of cases) {
    const what = `${JSON.stringify(sent)} and ${JSON.stringify(answer)}`.slice(0, 60);
    Deno.test(`${rpc} is called with ${what}…, and told as what it answers`, async () => {
      const seen: unknown[] = [];
      const call = (async (name, args) => {
        seen.push(name, args);
        // Whoever does not wait for the answer is told before.
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
        seen.push("answered");
        return answer;
      }) as StoreCall;
      assert.deepEqual(await ask(callsOf(call)), told);
      assert.deepEqual(seen, [rpc, sent, "answered"]);
      if (answer === undefined) return;
      for (const json of ANSWERS) {
        assert.equal(isAnswerOf(rpc, json), kindOf(json) === kindOf(answer), kindOf(json));
      }
    });
  }
}
