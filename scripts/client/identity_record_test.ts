import assert from "node:assert/strict";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import {
  createIdentityRecord,
  didOf,
  generateKey,
  identityOf,
  signedFetch,
} from "./llm_gateway.ts";

for (
  const [type, method, prefix] of [
    ["ed25519", "key", "did:key:z6Mk"],
    ["ed25519", "jwk", "did:jwk:"],
    ["p256", "key", "did:key:zDn"],
    ["p256", "jwk", "did:jwk:"],
    ["secp256k1", "key", "did:key:zQ3s"],
    ["secp256k1", "jwk", "did:jwk:"],
    [undefined, "pkh", "did:pkh:eip155:1:0x"],
    [undefined, undefined, "did:key:z6Mk"],
  ] as const
) {
  Deno.test(`a new identity (${type ?? "default"}, ${method ?? "default"}) signs after it was stored as JSON`, async () => {
    await using gateway = startVerifyingGateway();
    const stored = JSON.stringify(await createIdentityRecord({ type, method }));
    const identity = await identityOf(JSON.parse(stored));
    assert.ok(identity.did.startsWith(prefix), identity.did);
    const response = await signedFetch(identity, { gatewayUrl: gateway.url })(
      `${gateway.url}/api/v1/openrouter/x`,
      { method: "POST", body: "{}" },
    );
    assert.equal(response.status, 200, await response.text());
    assert.equal(gateway.received[0]?.did, identity.did);
  });
}

Deno.test("a did:web is kept as it is given, with a key of every type", async () => {
  const did = "did:web:agent.example";
  for (const type of ["ed25519", "p256", "secp256k1"] as const) {
    const record = await createIdentityRecord({ type, did });
    assert.equal(record.did, did);
    assert.equal((await identityOf(record)).did, did);
  }
});

Deno.test("identityOf refuses halves of two keys", async () => {
  for (const type of ["ed25519", "p256", "secp256k1"] as const) {
    const [key, other] = [await generateKey(type), await generateKey(type)];
    const privateKeyJwk = { ...key, d: other.d };
    for (const did of ["did:web:a.example", await didOf(key, "key")]) {
      await assert.rejects(identityOf({ did, privateKeyJwk }), TypeError);
    }
  }
  await assert.rejects(
    createIdentityRecord({ type: "p256", method: "pkh" }),
    /did:pkh needs a secp256k1 key/,
  );
});

Deno.test("identityOf refuses with a TypeError what is no key", async () => {
  for (const type of ["ed25519", "p256", "secp256k1"] as const) {
    const key = await generateKey(type);
    const did = await didOf(key, "key");
    for (const broken of [{ d: "AA" }, { d: "!" }, { d: "" }, { x: "AA" }, { x: "!" }]) {
      const privateKeyJwk = { ...key, ...broken };
      await assert.rejects(identityOf({ did, privateKeyJwk }), TypeError, JSON.stringify(broken));
    }
  }
  const key = await generateKey("secp256k1");
  const did = await didOf(key, "pkh");
  const privateKeyJwk = { ...key, x: "!" };
  await assert.rejects(identityOf({ did, privateKeyJwk }), TypeError);
});
