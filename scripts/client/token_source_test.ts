import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import {
  createIdentity,
  createIdentityRecord,
  type Identity,
  identityOf,
  tokenSource,
} from "./llm_gateway.ts";

const gatewayUrl = "https://gateway.example/functions/v1/openrouter-proxy";
const START = 1_795_370_400;

/** A source whose clock a test sets, and how often its identity has signed. */
async function source(options: { ttlSeconds?: number; identity?: Identity } = {}) {
  const clock = { seconds: START, signatures: 0, failure: null as Error | null };
  const { identity = await createIdentity(), ...rest } = options;
  const counting: Identity = {
    ...identity,
    sign: (message) => {
      clock.signatures++;
      return clock.failure === null ? identity.sign(message) : Promise.reject(clock.failure);
    },
  };
  const now = () => clock.seconds * 1000;
  return { ...tokenSource(counting, { gatewayUrl: `${gatewayUrl}/`, now, ...rest }), clock };
}

function claimsOf(token: string): { iss: string; aud: string; iat: number; exp: number } {
  return JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
}

Deno.test("tokenSource gives one token until ten minutes before its end, then the next", async () => {
  const { get, clock } = await source();
  const first = await get();
  const { aud, iat, exp } = claimsOf(first);
  assert.equal(aud, gatewayUrl);
  assert.equal(exp - iat, 3600);
  clock.seconds = exp - 601;
  assert.equal(await get(), first);
  clock.seconds = exp - 600;
  const second = await get();
  assert.equal(claimsOf(second).iat, clock.seconds - (START - iat));
  assert.equal(await get(), second);
  assert.equal(clock.signatures, 2);
});

Deno.test("tokenSource's tokens are good for gateways whose clock is up to 90 s behind", async () => {
  const { get } = await source();
  const { iat } = claimsOf(await get());
  // The gateway allows 60 s of the future.
  assert.ok(iat - (START - 90) <= 60);
});

Deno.test("tokenSource makes a new token when the clock is set back", async () => {
  const { get, clock } = await source();
  const first = await get();
  clock.seconds -= 7200;
  const second = await get();
  assert.notEqual(second, first);
  assert.ok(claimsOf(second).iat <= clock.seconds);
});

Deno.test("tokenSource renews short tokens in their time, too", async () => {
  for (const ttlSeconds of [1, 10, 60]) {
    const { get, clock } = await source({ ttlSeconds });
    for (let step = 0; step < 100; step++, clock.seconds++) {
      const { iat, exp } = claimsOf(await get());
      assert.ok(exp - iat === ttlSeconds && exp > clock.seconds && iat <= clock.seconds);
    }
  }
});

Deno.test("tokenSource's callers share a renewal, and each error is of its own attempt", async () => {
  const { get, clock } = await source();
  clock.failure = new Error("declined");
  const refused = await Promise.allSettled([get(), get(), get()]);
  assert.ok(refused.every((result) => result.status === "rejected"));
  assert.equal(clock.signatures, 1);
  clock.failure = null;
  const tokens = await Promise.all([get(), get(), get()]);
  assert.equal(new Set(tokens).size, 1);
  assert.equal(clock.signatures, 2);
});

Deno.test("tokenSource gives the old token while a renewal fails, asks once a minute, and fails with its end", async () => {
  const { get, clock } = await source();
  const first = await get();
  const { exp } = claimsOf(first);
  clock.failure = new Error("declined");
  clock.seconds = exp - 600;
  assert.equal(await get(), first);
  assert.equal(await get(), first);
  assert.equal(clock.signatures, 2);
  clock.seconds += 60;
  assert.equal(await get(), first);
  assert.equal(clock.signatures, 3);
  clock.seconds = exp;
  await assert.rejects(get(), /declined/);
});

Deno.test("tokenSource makes wallet sessions of a day for an Ethereum account", async () => {
  const identity = await identityOf(await createIdentityRecord({ method: "pkh" }));
  const { get, clock } = await source({ identity });
  const first = await get();
  assert.match(first, /^siwe\./);
  clock.seconds += 86_400 - 700;
  assert.equal(await get(), first);
  clock.seconds += 100;
  assert.notEqual(await get(), first);
  assert.equal(clock.signatures, 2);
});

for (
  const options of [{}, { type: "p256" }, { type: "secp256k1", method: "jwk" }, {
    method: "pkh",
  }] as const
) {
  Deno.test(`what tokenSource gives, without a this, is what the gateway takes: ${JSON.stringify(options)}`, async () => {
    await using gateway = startVerifyingGateway();
    const identity = await identityOf(await createIdentityRecord(options));
    const { get } = tokenSource(identity, { gatewayUrl: gateway.url });
    for (
      const headers of [{ authorization: `Bearer ${await get()}` }, { "x-api-key": await get() }]
    ) {
      const response = await fetch(`${gateway.url}/api/v1/usage`, { headers });
      assert.equal(response.status, 200, await response.text());
      assert.equal(gateway.received.at(-1)?.did, identity.did);
    }
  });
}
