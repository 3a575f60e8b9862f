/** What the store hears of Postgres through the Data API, arrays and nulls included. */
import assert from "node:assert/strict";
import { createStore, type Store } from "../openrouter-proxy/store/store.ts";
import type { AdmissionRequest } from "../openrouter-proxy/store/admission.ts";
import { anAdmissionRequest } from "../openrouter-proxy/testing/admissions.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });
let store: Store;

Deno.test.beforeAll(() => {
  const { url, secretKeys } = world.stack;
  store = createStore(url, JSON.parse(secretKeys).default, fetch, Date.now);
});

/** A metered call with what a test is not about filled in. */
function request(did: string, members: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return anAdmissionRequest({ did, endpoint: "/responses", ...members });
}

/** A DID whose one call has ended, and the id of its generation. */
async function knownDid(): Promise<{ did: string; generationId: string }> {
  const identity = await newIdentity();
  const response = await call(world.gateway, identity, "POST", CHAT, chat("hello"));
  const { id } = await response.json();
  await world.db.endedRows(identity.did, 1);
  return { did: identity.did, generationId: id };
}

Deno.test("a DID without a key is admitted to what is free, and not to what may cost", async () => {
  const { did } = await newIdentity();
  const free = await store.admit(request(did, { metered: false }));
  assert.equal(free.decision, "admitted");
  assert.equal(free.key, null);
  assert.deepEqual(await store.admit(request(did)), { decision: "needs_provisioning" });
});

Deno.test("a feature that the operator has not opened is named", async () => {
  const { did } = await knownDid();
  const sharedFeatures = [
    { feature: "openrouter:bash", param: "tools[0].type" },
    { feature: "vector_store", param: "tools[1].vector_store_ids" },
  ];
  const refused = (feature: string) => ({ decision: "feature_not_allowed", feature });
  assert.deepEqual(await store.admit(request(did, { sharedFeatures })), refused("openrouter:bash"));
  const { sql } = world.db;
  await sql`update public.gateway_settings set shared_features = '{openrouter:bash}'`;
  assert.deepEqual(await store.admit(request(did, { sharedFeatures })), refused("vector_store"));
  await sql`update public.gateway_settings set shared_features = '{vector_store,openrouter:bash}'`;
  const { decision } = await store.admit(request(did, { sharedFeatures }));
  assert.equal(decision, "admitted");
});

Deno.test("all ids that a call names must be the caller's own", async () => {
  const { did, generationId } = await knownDid();
  const other = await knownDid();
  const decisionOn = async (ownedGenerations: string[]) =>
    (await store.admit(request(did, { ownedGenerations }))).decision;
  assert.equal(await decisionOn([generationId]), "admitted");
  assert.equal(await decisionOn([generationId, generationId]), "admitted");
  assert.equal(await decisionOn([generationId, other.generationId]), "not_owned");
  assert.equal(await decisionOn(['","', "{}", ""]), "not_owned");
});

Deno.test("a pending row is discarded once, with its Idempotency-Key", async () => {
  const { did } = await knownDid();
  const idempotency = { key: "k", bodyHash: "ab".repeat(32) };
  const first = request(did, { idempotency });
  const admission = await store.admit(first);
  assert.equal(admission.decision, "admitted");
  assert.deepEqual(await store.admit(request(did, { idempotency })), {
    decision: "duplicate",
    duplicateOf: first.requestId,
  });
  assert.equal(await store.discard(first.requestId, admission.requestTime), true);
  assert.equal(await store.discard(first.requestId, admission.requestTime), false);
  assert.equal((await world.db.rowsOf(did)).length, 1, "the row of the DID's first call");
  assert.equal((await store.admit(request(did, { idempotency }))).decision, "admitted");
});
