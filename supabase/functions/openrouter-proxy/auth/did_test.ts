import { base58, base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import { createDidResolver, parseDid } from "./did.ts";
import { concat, utf8 } from "../bytes/encodings.ts";
import { assertRefused, didOfJwk, multikey, newSigner } from "../testing/signers.ts";

const resolveDid = createDidResolver({
  didWebHosts: [],
  now: () => 0,
  fetch: () => Promise.reject(new Error("no request was expected")),
});
const resolve = async (text: string) => await resolveDid(parseDid(text))();

const ed25519 = await newSigner("did:key Ed25519");
const p256 = await newSigner("did:key P-256");
const secp256k1 = await newSigner("did:key secp256k1");
const KEY_SIGNERS = [ed25519, p256, secp256k1];

Deno.test("a DID with fragment, path, query, comma, whitespace or over 512 characters is malformed", async () => {
  const { did } = ed25519;
  const bad = [
    "",
    "did",
    "did:",
    "did:key",
    "did:key:",
    "DID:key:z6Mk",
    "did:Key:z6Mk",
    "did::z6Mk",
    " did:key:z6Mk",
    ...[
      "#key",
      "/path",
      "?query",
      ",x",
      " x",
      "\t",
      "\n",
      "\u00e9",
      "\0",
      ";a=b",
      "@",
      "~",
      "+",
      "=",
    ]
      .map((suffix) => did + suffix),
    `did:web:${"a".repeat(505)}`,
  ];
  for (const text of bad) await assertRefused(resolve(text), "invalid_did");
});

Deno.test("methods that the gateway does not know are named as such", async () => {
  const methods = [
    "example",
    "ion",
    "ethr",
    "plc",
    "peer",
    "constructor",
    "tostring",
    "hasownproperty",
  ];
  for (const method of methods) {
    await assertRefused(resolve(`did:${method}:abc`), "unsupported_did_method");
  }
  await assertRefused(resolve("did:web:example.com"), "unsupported_did_method", /not enabled/);
});

Deno.test("did:key of each type has one key, whose id repeats the Multikey", async () => {
  for (const signer of KEY_SIGNERS) {
    const methods = await resolve(signer.did);
    assert.deepEqual(methods.map(({ id, key }) => [id, key.alg]), [
      [`${signer.did}#${signer.multikey}`, signer.alg],
    ]);
  }
});

Deno.test("did:key with another multicodec prefix or length is refused", async () => {
  for (const { did } of KEY_SIGNERS) {
    const bytes = base58.decode(did.slice("did:key:z".length));
    const [prefix, key] = [[...bytes.slice(0, 2)], bytes.slice(2)];
    for (let code = 0; code < 0x10000; code += 0x101) {
      const other = [code & 0xff, code >> 8];
      if (other.join() === prefix.join()) continue;
      await assertRefused(resolve(`did:key:${multikey(other, key)}`), "invalid_did");
    }
    for (const changed of [key.slice(1), key.slice(0, -1), concat([0], key), concat(key, [0])]) {
      await assertRefused(resolve(`did:key:${multikey(prefix, changed)}`), "invalid_did");
    }
    // The same code as a longer varint, and the empty key.
    const overlong = [prefix[0]!, prefix[1]! | 0x80, 0];
    await assertRefused(resolve(`did:key:${multikey(overlong, key)}`), "invalid_did");
    await assertRefused(resolve(`did:key:${multikey(prefix, new Uint8Array())}`), "invalid_did");
  }
});

Deno.test("X25519, P-384, P-521, RSA and BLS did:keys are refused", async () => {
  const others: [number[], number][] = [
    [[0xec, 0x01], 32],
    [[0x81, 0x24], 49],
    [[0x82, 0x24], 67],
    [[0x85, 0x24], 270],
    [[0xea, 0x01], 48],
    [[0xeb, 0x01], 96],
    [[0x80, 0x26], 32],
  ];
  for (const [prefix, length] of others) {
    const did = `did:key:${multikey(prefix, new Uint8Array(length).fill(2))}`;
    await assertRefused(resolve(did), "invalid_did", /Ed25519, P-256, secp256k1/);
  }
});

Deno.test("did:key in another multibase or spelling is refused", async () => {
  const id = ed25519.did.slice("did:key:".length);
  const bytes = base58.decode(id.slice(1));
  const bad = [
    id.slice(1),
    `Z${id.slice(1)}`,
    `z1${id.slice(1)}`,
    `f${hex.encode(bytes)}`,
    `u${base64urlnopad.encode(bytes)}`,
    `1.1:${id}`,
    `${id}:${id}`,
    `z${id.slice(1).replace(/.$/, "0")}`,
    "z",
    "zz",
    `%7A${id.slice(1)}`,
  ];
  for (const text of bad) await assertRefused(resolve(`did:key:${text}`), "invalid_did");
});

Deno.test("did:jwk of each type is accepted, with the members of a signing key", async () => {
  for (const { jwk, alg } of KEY_SIGNERS) {
    const algs = alg === "EdDSA" ? [alg, "Ed25519"] : [alg];
    const withAlg = algs.map((alg) => ({ alg }));
    for (const more of [{}, ...withAlg, { use: "sig" }, { key_ops: ["verify"] }, { kid: "a" }]) {
      const did = didOfJwk({ ...jwk, ...more });
      const methods = await resolve(did);
      assert.deepEqual(methods.map(({ id, key }) => [id, key.alg]), [[`${did}#0`, alg]]);
    }
  }
});

Deno.test("did:jwk with a private key, another purpose or another type is refused", async () => {
  for (const { jwk } of KEY_SIGNERS) {
    const bad: Record<string, unknown>[] = [
      { d: "AAAA" },
      { d: null },
      { use: "enc" },
      { use: null },
      { key_ops: [] },
      { key_ops: ["sign"] },
      { key_ops: "verify" },
      { alg: "ECDH-ES" },
      { alg: ["EdDSA"] },
      { kty: "RSA" },
      { kty: undefined },
      { kty: ["EC"] },
      { crv: "X25519" },
      { crv: "Ed448" },
      { crv: "P-384" },
      { crv: undefined },
    ];
    for (const change of bad) {
      await assertRefused(resolve(didOfJwk({ ...jwk, ...change })), "invalid_did");
    }
  }
});

Deno.test("did:jwk coordinates are exactly 32 bytes in canonical base64url", async () => {
  for (const { jwk } of KEY_SIGNERS) {
    for (const name of ["x", "y"].filter((name) => name in jwk!)) {
      const value = jwk![name] as string;
      const bytes = base64urlnopad.decode(value);
      const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const stray = value.slice(0, -1) + last[last.indexOf(value.at(-1)!) + 1]!;
      const bad = [
        undefined,
        null,
        "",
        42,
        [value],
        `${value}=`,
        stray,
        base64urlnopad.encode(bytes.slice(1)),
        base64urlnopad.encode(concat([0], bytes)),
      ];
      for (const changed of bad) {
        await assertRefused(resolve(didOfJwk({ ...jwk, [name]: changed })), "invalid_did");
      }
    }
  }
});

Deno.test("did:jwk is canonical base64url of a JSON object", async () => {
  const id = ed25519.jwk && didOfJwk(ed25519.jwk).slice("did:jwk:".length);
  const of = (text: string) => base64urlnopad.encode(utf8(text));
  for (
    const text of [`${id}%3D`, `${id}A`, of("[]"), of("null"), of("{"), of("\uFEFF{}"), of("1")]
  ) {
    await assertRefused(resolve(`did:jwk:${text}`), "invalid_did");
  }
});

Deno.test("did:jwk with bytes that are no UTF-8 is refused, wherever they stand", async () => {
  const json = utf8(JSON.stringify({ ...ed25519.jwk, kid: "?" }));
  const did = (bytes: Uint8Array) => `did:jwk:${base64urlnopad.encode(bytes)}`;
  await resolve(did(json));
  const broken = json.map((byte) => byte === "?".charCodeAt(0) ? 0xff : byte);
  await assertRefused(resolve(did(broken)), "invalid_did");
});

Deno.test("the keys of a DID are imported once", async () => {
  for (const { did } of KEY_SIGNERS) assert.equal(await resolve(did), await resolve(did));
});

Deno.test("did:pkh is eip155, a decimal chain id and an address of any case", async () => {
  const address = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
  for (const chain of ["1", "10", "11155111"]) {
    const did = parseDid(`did:pkh:eip155:${chain}:${address}`);
    assert.equal(did.uri, `did:pkh:eip155:${chain}:${address.toLowerCase()}`);
    assert.equal((await resolveDid(did)()).length, 1);
  }
  const bad = [
    `eip155:01:${address}`,
    `eip155:0:${address}`,
    `eip155:-1:${address}`,
    `eip155:0x1:${address}`,
    `eip155::${address}`,
    `eip155:${"1".repeat(33)}:${address}`,
    `eip155:1:${address.slice(2)}`,
    `eip155:1:0X${address.slice(2)}`,
    `eip155:1:${address}0`,
    `eip155:1:${address.slice(0, -1)}`,
    `eip155:1:${address.slice(0, -1)}g`,
    `eip155:1:${address}:1`,
    `eip155:1:eip155:1:${address}`,
    "eip155:1",
  ];
  for (const id of bad) await assertRefused(resolve(`did:pkh:${id}`), "invalid_did");
  for (
    const id of [
      "solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ:abc",
      `bip122:1:${address}`,
      "EIP155:1:0x",
      `bip122:1:eip155:1:${address}`,
    ]
  ) {
    await assertRefused(resolve(`did:pkh:${id}`), "unsupported_did_method");
  }
});

Deno.test("a DID has 512 characters at most", () => {
  const longest = `did:web:${"a".repeat(504)}`;
  assert.equal(parseDid(longest).uri, longest);
  assert.throws(() => parseDid(`${longest}a`), { type: "invalid_did" });
});
