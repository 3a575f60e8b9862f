import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { maintain, makeStale } from "./harness/maintenance.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ freshStack: true });
const PATH = "/api/v1/maintenance";

Deno.test("only who has a secret key of the project may ask for maintenance", async () => {
  const { gateway, stack } = world;
  const identity = await newIdentity();
  const secretKey = JSON.parse(stack.secretKeys).default;
  const refused: Record<string, string>[] = [
    {},
    { apikey: stack.publishableKey },
    { apikey: `${secretKey}x` },
    { authorization: `Bearer ${secretKey.slice(0, -1)}` },
    { authorization: secretKey },
    await signed(identity, "POST", PATH),
  ];
  for (const headers of refused) {
    const response = await fetch(gateway.url + PATH, { method: "POST", headers });
    await assertRefused(response, 401, "missing_credentials");
  }
  const taken: Record<string, string>[] = [
    { apikey: secretKey },
    { authorization: `Bearer ${secretKey}` },
    { apikey: stack.publishableKey, authorization: `bearer ${secretKey}` },
  ];
  for (const headers of taken) {
    const response = await fetch(gateway.url + PATH, { method: "POST", headers });
    assert.equal(response.status, 200);
    const { success, data } = await response.json();
    assert.deepEqual([success, data.ran], [true, true]);
  }
});

Deno.test("maintenance prices what was lost, and compares it with OpenRouter", async () => {
  const { gateway, db, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("one two three"));
  await response.text();
  await db.endedRow(response);
  // A row that a killed worker has left, and the generation that it does not know of.
  await db.sql`delete from public.usage_daily`;
  await db.sql`
    update public.request_logs set status = 'pending', response_time = null, total_cost = null,
      generation_id = null, cost_source = null`;
  await makeStale(world);

  const report = await maintain(world);

  assert.deepEqual(report.jobs.lost_calls?.details, { own_rows: 0 });
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 1, cost: usage });
  const [row] = await db.rowsOf(identity.did);
  assert.deepEqual([row?.cost_source, row?.output_tokens], ["reconciliation", 3]);
});

Deno.test("a key that OpenRouter refuses to tell of keeps no other DID from being compared", async () => {
  const { gateway, db, openrouter } = world;
  const identities = await Promise.all([newIdentity(), newIdentity(), newIdentity()]);
  for (const identity of identities) {
    await (await call(gateway, identity, "POST", CHAT, chat("one two three"))).text();
  }
  await db.sql`update public.cost_checks set is_equal = null`;
  const [{ count }] = await db.sql`select count(*)::int from public.user_api_keys` as [
    { count: number },
  ];
  openrouter.addFault({ on: "GET /keys/:hash", faults: "status:403" });

  const { comparison } = (await maintain(world)).jobs;

  assert.deepEqual([comparison?.done, comparison?.left], [count - 1, 1]);
  assert.match(
    comparison?.failed ?? "",
    /^passed over 1, .* GET \/keys\/\{hash\} with status 403$/,
  );
  const again = (await maintain(world)).jobs.comparison;
  assert.deepEqual([again?.left, again?.failed], [0, undefined]);
});

Deno.test("where OpenRouter refuses the management key, maintenance fails visibly, and asks no more", async () => {
  const { db, openrouter } = world;
  await db.sql`update public.cost_checks set is_equal = null`;
  openrouter.addFault({ on: "GET /keys/:hash", faults: "status:401", times: null });
  try {
    const { comparison } = (await maintain(world)).jobs;
    assert.deepEqual([comparison?.done, comparison?.left], [undefined, undefined]);
    assert.match(comparison?.failed ?? "", /^OpenRouter answered GET .* with status 401$/);
  } finally {
    openrouter.clearFaults();
  }
});
