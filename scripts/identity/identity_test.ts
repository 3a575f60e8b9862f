import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createAuthenticator } from "../../supabase/functions/openrouter-proxy/auth/authenticate.ts";
import {
  createDidToken,
  didOf,
  generateKey,
  identityOf,
  readPrivateKey,
  signRequest,
} from "./mod.ts";
import { describeDid } from "./describe_did.ts";
import { eip191Identity } from "../client/secp256k1.ts";
import vectors from "./testdata/auth_vectors.json" with { type: "json" };

/** web3.js's documentation: the account 0x2c75… of the vectors. */
const WEB3_KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const WEB3_DID = "did:pkh:eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
/** RFC 8037, appendix A. */
const RFC_8037_SEED = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

const audience = "https://gateway.example/functions/v1/openrouter-proxy";
const authenticate = createAuthenticator({
  audience,
  maxTokenLifetimeSeconds: 3600,
  maxWalletSessionSeconds: 86_400,
  didWebHosts: [],
  now: () => vectors.now * 1000,
  fetch: () => assert.fail("nothing is to be fetched"),
});

for (
  const [type, method] of [
    ["ed25519", "key"],
    ["ed25519", "jwk"],
    ["p256", "key"],
    ["p256", "jwk"],
    ["secp256k1", "key"],
    ["secp256k1", "jwk"],
    ["secp256k1", "pkh"],
  ] as const
) {
  Deno.test(`a ${type} identity under did:${method} signs what the gateway accepts`, async () => {
    const key = await generateKey(type);
    const did = await didOf(key, method);
    const identity = await identityOf({ did, privateKeyJwk: key });
    assert.equal(identity.did, did);
    for (const body of ["", '{"text":"héllo 世界 🌍"}']) {
      const path = "/api/v1/openrouter/chat/completions?x=1";
      const request = { audience, method: "POST", path, body, timestamp: vectors.now };
      const headers = new Headers(await signRequest(identity, request));
      const bytes = new TextEncoder().encode(body);
      const authentication = await authenticate({ method: "POST", pathAndQuery: path, headers });
      assert.equal((await authentication.verify(bytes)).did, did);
    }
    const token = createDidToken(identity, { audience, issuedAt: vectors.now });
    if (method === "pkh") return await assert.rejects(token, /cannot sign tokens/);
    const headers = new Headers({ authorization: `Bearer ${await token}` });
    const { identity: bearer } = await authenticate({ method: "GET", pathAndQuery: "/", headers });
    assert.equal(bearer?.did, did);
  });

  Deno.test(`describeDid tells the key of a ${type} identity under did:${method}`, async () => {
    const key = await generateKey(type);
    const { d: _, ...publicJwk } = key;
    const did = await didOf(key, method);
    const described = await describeDid(did);
    const [verificationMethod] = described.verification_methods;
    assert.equal(described.did, did);
    assert.equal(described.method, `did:${method}`);
    assert.deepEqual(verificationMethod?.public_key_jwk, method === "pkh" ? null : publicJwk);
    const alg = { ed25519: "EdDSA", p256: "ES256", secp256k1: "ES256K" }[type];
    assert.equal(verificationMethod?.token_alg, method === "pkh" ? null : alg);
    assert.equal(verificationMethod?.request_signature, method === "pkh" ? "EIP-191" : alg);
  });
}

Deno.test("known keys have their published DIDs", async () => {
  assert.equal(await didOf(readPrivateKey(WEB3_KEY, "secp256k1"), "pkh"), WEB3_DID);
  const rfc8037 = readPrivateKey(RFC_8037_SEED, "ed25519");
  for (const [name, method] of [["EdDSA", "key"], ["EdDSA did:jwk", "jwk"]] as const) {
    const { did } = vectors.tokens.find((token) => token.name === name)!;
    assert.equal(await didOf(rfc8037, method), did);
  }
  // w3c-ccg did-method-key test vectors.
  const seed = "9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c";
  assert.equal(
    await didOf(readPrivateKey(seed, "secp256k1"), "key"),
    "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
  );
});

Deno.test("personal_sign gives the signature that web3.js's documentation shows", async () => {
  const { sign } = eip191Identity(readPrivateKey(WEB3_KEY, "secp256k1"), WEB3_DID);
  assert.equal(
    Buffer.from(await sign(new TextEncoder().encode("Some data"))).toString("hex"),
    "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd" +
      "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
  );
});

Deno.test("the vector of did:pkh is reproduced byte by byte", async () => {
  const vector = vectors.signed_requests.find(({ name }) => name === "did:pkh EIP-191")!;
  const key = readPrivateKey(WEB3_KEY, "secp256k1");
  const identity = await identityOf({ did: WEB3_DID, privateKeyJwk: key });
  const { method, path, body, headers } = vector;
  const request = { audience, method, path, body, timestamp: vectors.now, nonce: "n-1" };
  assert.deepEqual(await signRequest(identity, request), headers);
});

Deno.test("identityOf refuses a DID of another key", async () => {
  const [mine, other] = [await generateKey("secp256k1"), await generateKey("secp256k1")];
  for (const method of ["key", "pkh"] as const) {
    const did = await didOf(other, method);
    await assert.rejects(identityOf({ did, privateKeyJwk: mine }), /private key is not that of/);
  }
  const did = await didOf(mine, "pkh");
  const privateKeyJwk = await generateKey("ed25519");
  await assert.rejects(identityOf({ did, privateKeyJwk }), /needs a secp256k1 key/);
});
