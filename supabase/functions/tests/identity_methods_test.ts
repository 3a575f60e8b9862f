import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type Eip1193Provider,
  type Identity,
  signedFetch,
  walletIdentity,
} from "../../../scripts/client/llm_gateway.ts";
import {
  createDidToken,
  didOf,
  generateKey,
  identityOf,
  type KeyMethod,
  type KeyType,
} from "../../../scripts/identity/mod.ts";
import { AUDIENCE, call, CHAT, chat } from "./harness/client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const KINDS: [method: KeyMethod, type: KeyType][] = [
  ["key", "ed25519"],
  ["key", "p256"],
  ["key", "secp256k1"],
  ["jwk", "ed25519"],
  ["jwk", "p256"],
  ["jwk", "secp256k1"],
];

async function newIdentityOf(method: KeyMethod, type: KeyType): Promise<Identity> {
  const privateKeyJwk = await generateKey(type);
  return await identityOf({ did: await didOf(privateKeyJwk, method), privateKeyJwk });
}

async function postWithToken(token: string): Promise<Response> {
  return await fetch(world.gateway.url + CHAT, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: chat("hello"),
  });
}

async function assertContent(response: Response, content: string) {
  assert.equal(response.status, 200);
  assert.equal((await response.json()).choices[0].message.content, content);
}

/** Asserts that the DID has `count` completed rows, and one key that was billed for all of them. */
async function assertBooked(did: string, count: number) {
  const { db, openrouter } = world;
  const rows = await db.endedRows(did, count);
  assert.ok(rows.every((row) => row.status === "completed"));
  const keys = openrouter.keysNamed(did);
  assert.equal(keys.length, 1);
  const [key] = keys;
  assert.equal(key?.hash, await db.keyHash(did));
  assert.equal(key?.generations, count);
  assert.deepEqual(await db.booked(did), { requests: count, failed: 0, cost: key?.usage });
}

for (const [method, type] of KINDS) {
  Deno.test(`a did:${method} of ${type} spends with signed requests and tokens, on one key`, async () => {
    const identity = await newIdentityOf(method, type);
    await assertContent(await call(world.gateway, identity, "POST", CHAT, chat("hi")), "hi");
    const token = await createDidToken(identity, { audience: AUDIENCE });
    await assertContent(await postWithToken(token), "hello");
    await assertBooked(identity.did, 2);
  });
}

/** An Ethereum account, its address in EIP-55's mixed case or not: upper-case digits are valid. */
async function newAccount() {
  const lower = await newIdentityOf("pkh", "secp256k1");
  const address = `0x${lower.did.slice("did:pkh:eip155:1:0x".length).toUpperCase()}`;
  const mixed: Identity = { ...lower, did: `did:pkh:eip155:1:${address}` };
  return { lower, mixed, address };
}

Deno.test("a wallet spends as the did:pkh of its account", async () => {
  const { lower, address } = await newAccount();
  const provider: Eip1193Provider = {
    request: async ({ method, params = [] }) => {
      if (method === "eth_requestAccounts") return [address];
      assert.deepEqual([method, params[1]], ["personal_sign", address]);
      const message = new Uint8Array(Buffer.from(String(params[0]).slice(2), "hex"));
      return `0x${Buffer.from(await lower.sign(message)).toString("hex")}`;
    },
  };
  const { url: gatewayUrl } = world.gateway;
  const fetch = signedFetch(await walletIdentity(provider), { gatewayUrl, audience: AUDIENCE });

  const response = await fetch(gatewayUrl + CHAT, { method: "POST", body: chat("hello") });

  await assertContent(response, "hello");
  await assertBooked(lower.did, 1);
});

Deno.test("a did:pkh in mixed case and in lower case is one account", async () => {
  const { gateway, db } = world;
  const { lower, mixed } = await newAccount();
  for (const identity of [mixed, lower, mixed]) {
    await assertContent(await call(gateway, identity, "POST", CHAT, chat("hi")), "hi");
  }
  await assertBooked(lower.did, 3);
  assert.deepEqual(await db.rowsOf(mixed.did), []);
  assert.equal(await db.keyHash(mixed.did), null);

  for (const identity of [mixed, lower]) {
    const usage = await (await call(gateway, identity, "GET", "/api/v1/usage")).json();
    assert.equal(usage.data.did, lower.did);
    assert.equal(usage.data.successful_requests, 3);
  }
});

Deno.test("a did:pkh signs no tokens, not even with its account's own key", async () => {
  const privateKeyJwk = await generateKey("secp256k1");
  const did = await didOf(privateKeyJwk, "pkh");
  const es256k = await identityOf({ did: await didOf(privateKeyJwk, "key"), privateKeyJwk });
  const token = await createDidToken({ ...es256k, did }, { audience: AUDIENCE });
  const { message } = await assertRefused(await postWithToken(token), 401, "invalid_token");
  assert.match(message, /did:pkh signs no tokens/);
  assert.equal(await world.db.keyHash(did), null);
});

for (
  const did of [
    "did:web:tests.example",
    "did:pkh:solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ:5eykt",
    "did:example:123",
  ]
) {
  Deno.test(`${did} is of no method that the gateway takes, signed or as a token`, async () => {
    const identity = { ...await newIdentityOf("key", "ed25519"), did };
    for (
      const response of [
        await call(world.gateway, identity, "POST", CHAT, chat("hello")),
        await postWithToken(await createDidToken(identity, { audience: AUDIENCE })),
      ]
    ) await assertRefused(response, 401, "unsupported_did_method");
    assert.deepEqual(await world.db.rowsOf(did), []);
    assert.equal(await world.db.keyHash(did), null);
  });
}
