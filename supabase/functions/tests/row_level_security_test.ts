import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { supabaseJwt } from "./harness/jwt.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** supabase-js as a user whose JWT has these claims besides its own; without claims as anon. */
function supabase(claims?: Record<string, unknown>) {
  const { url, publishableKey, jwtSecret } = world.stack;
  const user = { role: "authenticated", sub: crypto.randomUUID() };
  const jwt = claims && supabaseJwt(jwtSecret, { ...user, ...claims });
  return createClient(url, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    ...(jwt === undefined ? {} : { accessToken: () => Promise.resolve(jwt) }),
  });
}

/** Lets a DID make one call that is answered, and one that is refused. */
async function withHistory(): Promise<Identity> {
  const identity = await newIdentity();
  for (const model of ["openai/gpt-4o-mini", "no/such"]) {
    const response = await call(world.gateway, identity, "POST", CHAT, chat("hello", { model }));
    await response.body?.cancel();
  }
  await world.db.endedRows(identity.did, 2);
  return identity;
}

/** The tables and views of the schema that the Data API exposes. */
async function relations(): Promise<string[]> {
  const rows = await world.db.sql<{ relname: string }[]>`
    select relname from pg_catalog.pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')`;
  return rows.map(({ relname }) => relname);
}

Deno.test("anon reads and writes no table or view", async () => {
  const { did } = await withHistory();
  const anon = supabase();
  const names = await relations();
  assert.ok(names.includes("request_logs") && names.includes("usage_by_did"));
  for (const name of names) {
    const { data, error } = await anon.from(name).select();
    assert.equal(error?.code, "42501", name);
    assert.equal(data, null, name);
    assert.ok((await anon.from(name).delete().eq("did", did)).error, name);
    assert.ok((await anon.from(name).insert({ did })).error, name);
  }
});

Deno.test("a user with the claim did reads the rows of that DID and no others", async () => {
  const [own, other] = [await withHistory(), await withHistory()];
  const user = supabase({ did: own.did });

  const logs = await user.from("request_logs").select("did, status").order("request_time");
  assert.equal(logs.error, null);
  assert.deepEqual(logs.data, [
    { did: own.did, status: "completed" },
    { did: own.did, status: "failed" },
  ]);
  const account = await user.from("user_api_keys").select("did, status");
  assert.deepEqual(account.data, [{ did: own.did, status: "active" }]);
  const byDid = await user.from("usage_by_did").select("did, requests, failed_requests");
  assert.deepEqual(byDid.data, [{ did: own.did, requests: 2, failed_requests: 1 }]);
  const failures = await user.from("usage_recent_failures").select("did, http_status");
  assert.deepEqual(failures.data, [{ did: own.did, http_status: 400 }]);

  for (const name of await relations()) {
    const { data } = await user.from(name).select();
    assert.ok(!JSON.stringify(data).includes(other.did), name);
  }
});

Deno.test("a user never reads a key or its hash, not even their own", async () => {
  const { did } = await withHistory();
  const user = supabase({ did });
  for (const column of ["*", "encrypted_api_key", "openrouter_key_hash"]) {
    const { data, error } = await user.from("user_api_keys").select(column);
    assert.equal(error?.code, "42501", column);
    assert.equal(data, null);
  }
});

Deno.test("a user changes nothing, not even what is their own", async () => {
  const { db } = world;
  const { did } = await withHistory();
  const user = supabase({ did });
  const before = await db.rowsOf(did);
  const booked = await db.booked(did);

  for (const name of ["request_logs", "usage_daily", "user_api_keys", "did_policies"]) {
    assert.ok((await user.from(name).delete().eq("did", did)).error, name);
    assert.ok((await user.from(name).update({ did: "did:key:x" }).eq("did", did)).error, name);
    assert.ok((await user.from(name).insert({ did })).error, name);
  }

  assert.deepEqual(await db.rowsOf(did), before);
  assert.deepEqual(await db.booked(did), booked);
  assert.notEqual(await db.keyHash(did), null);
});

Deno.test("users without the claim did, or with another's type of it, see no rows", async () => {
  const { did } = await withHistory();
  // What users write themselves is in their metadata.
  const written = [{ user_metadata: { did } }, { app_metadata: { did } }, { sub: did }];
  for (const claims of [{}, { did: null }, { did: "" }, { did: [did] }, { did: "%" }, ...written]) {
    const user = supabase(claims);
    for (const name of ["request_logs", "usage_daily", "usage_by_did"]) {
      assert.deepEqual((await user.from(name).select()).data, [], name);
    }
  }
});

Deno.test("a JWT that another secret signed is worth nothing", async () => {
  const { did } = await withHistory();
  const { url, publishableKey } = world.stack;
  const forged = supabaseJwt("0".repeat(64), { role: "service_role", did });
  const client = createClient(url, publishableKey, { accessToken: () => Promise.resolve(forged) });
  const { data, error } = await client.from("request_logs").select();
  assert.ok(error);
  assert.equal(data, null);
});

Deno.test("no function of the gateway's is anybody's but the gateway's", async () => {
  const { did } = await withHistory();
  const functions = await world.db.sql<{ proname: string; proargnames: string[] | null }[]>`
    select proname, proargnames[1:pronargs] as proargnames from pg_catalog.pg_proc
    where pronamespace = 'public'::regnamespace and prokind = 'f'
      -- Those of triggers cannot be called by anybody.
      and prorettype <> 'trigger'::regtype`;
  assert.ok(functions.some(({ proname }) => proname === "admit_request"));
  for (const client of [supabase(), supabase({ did })]) {
    for (const { proname, proargnames } of functions) {
      const args = Object.fromEntries((proargnames ?? []).map((name) => [name, null]));
      const { data, error } = await client.rpc(proname, args);
      assert.equal(error?.code, "42501", `${proname}: ${JSON.stringify(error)}`);
      assert.equal(data, null, proname);
    }
  }
});
