import assert from "node:assert/strict";
import type { KeyIds } from "../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import type { Inventory } from "./rotation.ts";
import { whatIsMissing } from "./rotation_check.ts";

const [OLD, NEW, OTHER] = ["0".repeat(16), "1".repeat(16), "2".repeat(16)];
const HERE: KeyIds = { current: NEW!, previous: OLD! };
const LEFT: Inventory = { total: 9, current: 2, openable: 7, unreadable: [], madeUp: 0 };
const DONE: Inventory = { ...LEFT, current: 9, openable: 0 };
const lost = (keyId: string | null) => ({ did: "did:key:z", keyId, reason: "" });

/** What the gateway has, what is stored, and what is said to be missing; null: nothing. */
const CASES: [string, Partial<Parameters<typeof whatIsMissing>[0]>, RegExp | null][] = [
  ["a gateway with both keys", {}, null],
  ["several workers that agree", { gateway: [HERE, { ...HERE, previous: null }] }, null],
  ["a gateway that is not asked", { gateway: null }, null],
  [
    "a gateway that has the old key alone",
    {
      gateway: [{ current: OLD!, previous: null }],
    },
    /^the gateway does not have API_KEY_ENCRYPTION_KEY \(key 1{16}\): it seals with the key 0{16}/,
  ],
  ["one worker of before the deployment", {
    gateway: [HERE, { current: OLD!, previous: null }],
  }, /workers of before go on/],
  ["keys the other way round", {
    gateway: [{ current: OLD!, previous: NEW! }],
  }, /the other way round/],
  ["a gateway with a newer key", {
    gateway: [{ current: OTHER!, previous: NEW! }],
  }, /which replaced the API_KEY_ENCRYPTION_KEY that is set here/],
  ["keys of another gateway, also when all rows are done", {
    gateway: [{ current: OTHER!, previous: null }],
    inventory: DONE,
  }, /^the gateway does not have/],
  ["rows that are all done", { inventory: DONE }, null],
  ["a few rows that nothing opens", {
    inventory: { ...LEFT, openable: 5, unreadable: [lost(OTHER!), lost(null)] },
  }, null],
  [
    "an old key that opens nothing",
    {
      inventory: { ...LEFT, openable: 0, unreadable: [lost(OTHER!)] },
    },
    /^API_KEY_ENCRYPTION_KEY_PREVIOUS \(key 0{16}\) opens none of what is left: .* the key 2{16}$/,
  ],
  ["no old key", {
    here: { current: NEW!, previous: null },
    inventory: { ...LEFT, openable: 0, unreadable: [lost(OLD!)] },
  }, /^API_KEY_ENCRYPTION_KEY_PREVIOUS is not set here: .* the key 0{16}$/],
];
for (const [name, state, expected] of CASES) {
  Deno.test(`before a rotation, ${name}: ${expected === null ? "nothing" : "something"} is missing`, () => {
    const missing = whatIsMissing({ here: HERE, gateway: [HERE], inventory: LEFT, ...state });
    if (expected === null) assert.deepEqual(missing, []);
    else assert.match(missing.join("; "), expected);
  });
}
