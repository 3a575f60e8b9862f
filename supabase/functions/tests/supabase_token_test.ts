/** A Supabase JWT of the gateway's, and what supabase-js reads with it. */
import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const TOKEN = "/api/v1/token";

/** What the answer to POST /token holds for a DID. */
async function tokenOf(identity: Awaited<ReturnType<typeof newIdentity>>) {
  const response = await call(world.gateway, identity, "POST", TOKEN);
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { success, data } = await response.json();
  assert.equal(success, true);
  return data as { token: string; expires_at: string };
}

/** supabase-js with that token. */
function supabase(token: string) {
  const { url, publishableKey } = world.stack;
  return createClient(url, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    accessToken: () => Promise.resolve(token),
  });
}

/** A DID with one call that was answered, and one that OpenRouter refused. */
async function withHistory() {
  const identity = await newIdentity();
  for (const model of ["openai/gpt-4o-mini", "no/such"]) {
    const response = await call(world.gateway, identity, "POST", CHAT, chat("hello", { model }));
    await response.body?.cancel();
  }
  await world.db.endedRows(identity.did, 2);
  return identity;
}

Deno.test("with a token of the gateway's supabase-js reads the DID's own rows and views, and no others'", async () => {
  const [own, other] = [await withHistory(), await withHistory()];
  const { token } = await tokenOf(own);
  const client = supabase(token);

  const logs = await client.from("request_logs").select("did, status").order("request_time");
  assert.equal(logs.error, null);
  assert.deepEqual(logs.data, [
    { did: own.did, status: "completed" },
    { did: own.did, status: "failed" },
  ]);
  const byDid = await client.from("usage_by_did").select("did, requests, failed_requests");
  assert.deepEqual(byDid.data, [{ did: own.did, requests: 2, failed_requests: 1 }]);

  const relations = await world.db.sql<{ relname: string }[]>`
    select relname from pg_catalog.pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v')`;
  for (const { relname } of relations) {
    const { data } = await client.from(relname).select();
    assert.ok(!JSON.stringify(data).includes(other.did), relname);
  }
});

Deno.test("a token of the gateway's is the user's that the DID's UUID names, for an hour", async () => {
  const identity = await newIdentity();
  const before = Math.floor(Date.now() / 1000);
  const { token, expires_at } = await tokenOf(identity);
  const claims = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  assert.equal(claims.did, identity.did);
  assert.equal(claims.iss, AUDIENCE);
  assert.deepEqual([claims.role, claims.aud], ["authenticated", "authenticated"]);
  assert.equal(claims.exp - claims.iat, 3600);
  assert.ok(claims.iat >= before);
  assert.equal(Date.parse(expires_at) / 1000, claims.exp);
});

Deno.test("a token of the gateway's opens nothing at the gateway itself", async () => {
  const { token } = await tokenOf(await newIdentity());
  const response = await fetch(`${world.gateway.url}/api/v1/usage`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(response.status, 401);
  await response.body?.cancel();
});

Deno.test("a revoked DID token gets no Supabase token", async () => {
  const identity = await newIdentity();
  const authorization = `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}`;
  const ask = () =>
    fetch(world.gateway.url + TOKEN, { method: "POST", headers: { authorization } });
  const before = await ask();
  assert.equal(before.status, 200);
  await before.body?.cancel();
  await world.db.sql`
    insert into did_policies (did, tokens_valid_after) values (${identity.did}, now() + interval '1 minute')`;
  await assertRefused(await ask(), 401, "invalid_token");
});

Deno.test("a blocked DID gets no Supabase token, however it signs", async () => {
  const identity = await newIdentity();
  await world.db.sql`select block_did(${identity.did})`;
  await assertRefused(
    await call(world.gateway, identity, "POST", TOKEN),
    403,
    "access_denied",
  );
  const authorization = `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}`;
  const byToken = await fetch(world.gateway.url + TOKEN, {
    method: "POST",
    headers: { authorization },
  });
  await assertRefused(byToken, 403, "access_denied");
});

Deno.test("a signed message gets one Supabase token", async () => {
  const headers = await signed(await newIdentity(), "POST", TOKEN);
  const ask = () => fetch(world.gateway.url + TOKEN, { method: "POST", headers });
  const first = await ask();
  assert.equal(first.status, 200);
  await first.body?.cancel();
  await assertRefused(await ask(), 401, "replayed_request");
});

Deno.test("POST /token takes no parameters, and GET is not for it", async () => {
  const identity = await newIdentity();
  const did = await call(world.gateway, identity, "POST", `${TOKEN}?did=did:key:other`);
  assert.equal((await assertRefused(did, 400, "invalid_request")).param, "did");
  await assertRefused(await call(world.gateway, identity, "GET", TOKEN), 405, "method_not_allowed");
});

Deno.test("without GATEWAY_JWT_KEY there are no Supabase tokens", async () => {
  const [gateway] = await startGateways(1, { ...world.env, GATEWAY_JWT_KEY: "" });
  try {
    const response = await call(gateway!, await newIdentity(), "POST", TOKEN);
    const error = await assertRefused(response, 501, "not_configured");
    assert.match(String(error.message), /GATEWAY_JWT_KEY/);
  } finally {
    await gateway!.stop();
  }
});
