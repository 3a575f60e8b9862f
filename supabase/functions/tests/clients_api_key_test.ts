/** Tokens where clients put API keys, and wallet sessions, which are tokens. */
import { createClient } from "@supabase/supabase-js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createDidToken, signRequest } from "../../../scripts/client/llm_gateway.ts";
import { didOf, generateKey, identityOf } from "../../../scripts/identity/mod.ts";
import {
  checksumAddress,
  type SiweFields,
  siweMessage,
} from "../openrouter-proxy/testing/wallet_sessions.ts";
import { AUDIENCE, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

async function post(headers: Record<string, string>): Promise<Response> {
  return await fetch(world.gateway.url + CHAT, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: chat("hello"),
  });
}

async function assertBooked(response: Response, did: string, rows = 1) {
  assert.equal(response.status, 200, await response.text());
  const [row] = await world.db.endedRows(did, rows);
  assert.equal(row?.status, "completed");
}

async function newAccount(): Promise<Identity> {
  const privateKeyJwk = await generateKey("secp256k1");
  return await identityOf({ did: await didOf(privateKeyJwk, "pkh"), privateKeyJwk });
}

/** A session from so many seconds ago on, for an hour. */
async function walletSession({ did, sign }: Identity, age = 0, changes: SiweFields = {}) {
  const [, , , chainId, address] = did.split(":");
  const issuedMs = Math.floor(Date.now() / 1000 - age) * 1000;
  const message = siweMessage({
    domain: new URL(AUDIENCE).host,
    address: checksumAddress(address!),
    statement: "Let the test call models.",
    uri: AUDIENCE,
    version: "1",
    chainId: chainId!,
    nonce: crypto.randomUUID().replaceAll("-", ""),
    issuedAt: new Date(issuedMs).toISOString(),
    expirationTime: new Date(issuedMs + 3_600_000).toISOString(),
    ...changes,
  });
  const signature = await sign(new TextEncoder().encode(message));
  return ["siwe", ...[message, signature].map((part) => Buffer.from(part).toString("base64url"))]
    .join(".");
}

Deno.test("a token in x-api-key is taken, beside itself or a placeholder as Bearer, and goes no further", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const token = await createDidToken(identity, { audience: AUDIENCE });
  const beside: Record<string, string>[] = [
    {},
    { authorization: `Bearer ${token}` },
    { authorization: "Bearer placeholder" },
  ];
  for (const [n, headers] of beside.entries()) {
    await assertBooked(await post({ "x-api-key": token, ...headers }), identity.did, n + 1);
  }
  const seen = openrouter.requestsWith(await db.keyHash(identity.did));
  assert.equal(seen.length, 3);
  assert.ok(!JSON.stringify(seen).includes(token));
  assert.ok(seen.every(({ headers }) => !("x-api-key" in headers)));
});

Deno.test("two good tokens of two DIDs are refused without a trace", async () => {
  const [one, other] = [await newIdentity(), await newIdentity()];
  const [token, another] = await Promise.all(
    [one, other].map((identity) => createDidToken(identity, { audience: AUDIENCE })),
  );
  const response = await post({ authorization: `Bearer ${token}`, "x-api-key": another! });
  await assertRefused(response, 401, "invalid_token");
  for (const { did } of [one, other]) assert.equal(await world.db.keyHash(did), null);
});

Deno.test("supabase-js with a token in x-api-key calls as that DID, its own Bearer notwithstanding", async () => {
  const { db, gateway, stack } = world;
  const identity = await newIdentity();
  const client = createClient(new URL(gateway.url).origin, stack.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    accessToken: () => Promise.resolve("the.session.of-a-user"),
  });
  const { data, error } = await client.functions.invoke(`openrouter-proxy${CHAT}`, {
    body: JSON.parse(chat("one two")),
    headers: { "x-api-key": await createDidToken(identity, { audience: AUDIENCE }) },
  });
  assert.equal(error, null);
  assert.equal(data.choices[0].message.content, "one two");
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.status, "completed");
});

Deno.test("a wallet session calls as its account in either header, until it is revoked", async () => {
  const { db } = world;
  const account = await newAccount();
  const session = await walletSession(account, 10);
  await assertBooked(await post({ authorization: `Bearer ${session}` }), account.did);
  await assertBooked(await post({ "x-api-key": session }), account.did, 2);
  const usage = await fetch(`${world.gateway.url}/api/v1/usage`, {
    headers: { "x-api-key": session },
  });
  assert.equal((await usage.json()).data.did, account.did);

  await db.sql`
    insert into public.did_policies (did, tokens_valid_after)
    values (${account.did}, now() - interval '5 seconds')`;
  await assertRefused(await post({ "x-api-key": session }), 401, "invalid_token");
  await assertBooked(await post({ "x-api-key": await walletSession(account) }), account.did, 3);
});

Deno.test("what has expired is refused as such, with the server's time", async () => {
  const [identity, account] = [await newIdentity(), await newAccount()];
  const issuedAt = Math.floor(Date.now() / 1000) - 7200;
  for (
    const token of [
      await createDidToken(identity, { audience: AUDIENCE, issuedAt }),
      await walletSession(account, 7200),
    ]
  ) {
    const refusal = await assertRefused(await post({ "x-api-key": token }), 401, "expired_token");
    assert.match(refusal.message, /^the token has expired at 20.*Z, \d+ s ago: make a new one$/);
    assert.ok(Math.abs(Number(refusal.server_time) - Date.now() / 1000) < 60);
  }
  for (const { did } of [identity, account]) assert.equal(await world.db.keyHash(did), null);
});

Deno.test("a wallet session for another gateway is refused, and nothing of it is repeated", async () => {
  const account = await newAccount();
  const session = await walletSession(account, 0, { uri: `${AUDIENCE}/` });
  const refusal = await assertRefused(await post({ "x-api-key": session }), 401, "invalid_token");
  assert.match(refusal.message, /URI must be exactly/);
  assert.ok(!world.gateway.output().includes(session));
});

Deno.test("a signature for the URL that the gateway is called at is told from its audience", async () => {
  const identity = await newIdentity();
  const { gateway } = world;
  const calledAt = AUDIENCE.replace(/^https:\/\/[^/]+/, `https://${new URL(gateway.url).host}`);
  const headers = await signRequest(identity, {
    audience: calledAt,
    method: "POST",
    path: CHAT,
    body: chat("hello"),
  });
  const refusal = await assertRefused(await post(headers), 401, "invalid_signature");
  assert.ok(refusal.message.includes(`right for the audience ${calledAt}; this gateway's is`));
});
