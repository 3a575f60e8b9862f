/** Many new DIDs at once, over processes of which one crashes. */
import assert from "node:assert/strict";
import { expireLease, liveKeys, reconcileLater } from "./harness/accounts.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { assertNoPlaintextKey } from "./harness/plaintext.ts";
import { useWorld } from "./harness/world.ts";

const DIDS = 500;
const REQUESTS_PER_DID = 4;
const BODY = chat("hello");

/** How many clients repeat what was not served, and how often. */
const RETRYING = 32;
const ROUNDS = 5;

const world = useWorld({ gateways: 3 });

/** What a client may send again, protocol.md says: nothing was forwarded. */
const RETRYABLE = new Set(["provisioning_failed", "provisioning_in_progress", "store_unavailable"]);

/** A request's end: `ok`, a type of error, or `broken` where the connection broke. */
async function outcomeOf(gateway: GatewayProcess, identity: Identity): Promise<string> {
  try {
    const response = await call(gateway, identity, "POST", CHAT, BODY);
    const text = await response.text();
    return response.status === 200 ? "ok" : JSON.parse(text).error.type;
  } catch (error) {
    // What fetch throws when the other side is gone.
    if (error instanceof TypeError) return "broken";
    throw error;
  }
}

Deno.test(`${DIDS} new DIDs with ${REQUESTS_PER_DID} requests each have one key each, although a process crashes`, async () => {
  const { db, env, gateways } = world;
  const identities = await Promise.all(Array.from({ length: DIDS }, newIdentity));
  const requests = identities.flatMap((identity, index) =>
    Array.from({ length: REQUESTS_PER_DID }, (_, n) => ({ identity, on: (index + n) % 3 }))
  );

  let answers = 0;
  const halfWay = Promise.withResolvers<void>();
  const sent = Promise.all(requests.map(async ({ identity, on }) => {
    const outcome = await outcomeOf(gateways[on]!, identity);
    if (++answers === requests.length / 2) halfWay.resolve();
    return { identity, on, outcome };
  }));
  await halfWay.promise;
  await gateways[2]!.kill();
  const [again] = await startGateways(1, env);
  world.defer(again!.stop);
  const ended = await sent;

  for (const { on, outcome } of ended) {
    if (outcome === "broken") assert.equal(on, 2);
    else assert.ok(outcome === "ok" || RETRYABLE.has(outcome), outcome);
  }
  let unserved = ended.filter(({ outcome }) => outcome !== "ok");
  assert.ok(unserved.length > 0, "the crash came too late to be of any consequence");

  const living = [gateways[0]!, gateways[1]!, again!];
  for (let round = 0; round < ROUNDS && unserved.length > 0; round++) {
    // What the crashed process held, and claims whose answer was not awaited.
    await Promise.all(unserved.map(({ identity }) => expireLease(world, identity.did)));
    const left = unserved.values();
    const retried: typeof unserved = [];
    await Promise.all(Array.from({ length: RETRYING }, async () => {
      for (const { identity, on } of left) {
        retried.push({ identity, on, outcome: await outcomeOf(living[on]!, identity) });
      }
    }));
    unserved = retried.filter(({ outcome }) => outcome !== "ok");
  }
  assert.deepEqual(unserved.map(({ outcome }) => outcome), []);

  await reconcileLater(world);
  for (const { did } of identities) {
    assert.deepEqual(liveKeys(world, did).map(({ hash }) => hash), [await db.keyHash(did)]);
  }
  const [, ...changed] = (await reconcileLater(world)).toReversed();
  assert.ok(changed.every((line) => !/^(orphan|limit):/.test(line)));
  await assertNoPlaintextKey(db, ...[...gateways, again!].map((gateway) => gateway.output()));
});
