import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { generateKey, readPrivateKey } from "./mod.ts";

const types = ["ed25519", "p256", "secp256k1"] as const;

/** "EC PRIVATE KEY" (RFC 5915), as `openssl ecparam -genkey` makes it. */
function sec1Pem(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  return privateKey.export({ type: "sec1", format: "pem" }).toString();
}

for (const type of types) {
  Deno.test(`readPrivateKey takes a ${type} key as JWK, identity file, hex and base64`, async () => {
    const key = await generateKey(type);
    const seed = Buffer.from(key.d, "base64url");
    for (
      const text of [
        JSON.stringify(key),
        JSON.stringify({ kid: "k", use: "sig", alg: "any", ...key }, null, 2),
        JSON.stringify({ did: "did:web:a.example", privateKeyJwk: key }),
        seed.toString("hex"),
        `0x${seed.toString("hex").toUpperCase()}`,
        `${seed.toString("base64")}\n`,
        seed.toString("base64url"),
      ]
    ) assert.deepEqual(readPrivateKey(text, type), key);
  });
}

Deno.test("readPrivateKey takes PKCS#8 PEM of every type, whatever the seed type is", () => {
  const pairs = [
    generateKeyPairSync("ed25519"),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
  ];
  pairs.forEach(({ privateKey }, index) => {
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const { d } = privateKey.export({ format: "jwk" });
    assert.equal(readPrivateKey(pem, types[(index + 1) % 3]!).d, d);
  });
});

Deno.test('readPrivateKey takes the "EC PRIVATE KEY" that openssl ecparam makes', () => {
  assert.equal(readPrivateKey(sec1Pem(), "ed25519").crv, "secp256k1");
});

Deno.test("readPrivateKey finds the key in a PEM file that holds more", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const { d } = privateKey.export({ format: "jwk" });
  const other = publicKey.export({ type: "spki", format: "pem" }).toString();
  // What `openssl pkcs12` writes in front of a key.
  const attributes = "Bag Attributes\n    friendlyName: me\nKey Attributes: <No Attributes>\n";
  for (const text of [attributes + pem, other + pem, pem + other, `\ufeff${pem}`, `${pem}\ntext`]) {
    assert.equal(readPrivateKey(text.replaceAll("\n", "\r\n"), "p256").d, d);
    assert.equal(readPrivateKey(text, "p256").d, d);
  }
  const message = /holds 2 private keys/;
  assert.throws(() => readPrivateKey(pem + sec1Pem(), "p256"), { name: "IdentityError", message });
});

Deno.test("readPrivateKey says what it cannot read, without repeating it", async () => {
  const ed25519 = await generateKey("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
    .export({ type: "pkcs8", format: "pem" }).toString();
  const refused: [string, RegExp][] = [
    ["", /expected a private JWK, a PEM private key, or a seed/],
    ["ab".repeat(31), /expected a private JWK/],
    ["zz".repeat(32), /expected a private JWK/],
    ['{"kty":', /no valid JSON/],
    ['{"privateKeyJwk":null}', /expected a private JWK with crv/],
    [JSON.stringify({ ...ed25519, d: undefined }), /expected a private JWK with crv/],
    [JSON.stringify({ ...ed25519, crv: "Ed448" }), /expected a private JWK with crv/],
    [JSON.stringify({ ...ed25519, x: (await generateKey("ed25519")).x }), /not of the same key/],
    [JSON.stringify({ ...ed25519, d: `${ed25519.d}AAAA` }), /no private key of type ed25519/],
    [rsa, /no private key of type Ed25519, P-256 or secp256k1|expected a private JWK with crv/],
    [sec1Pem().slice(0, 60), /the PEM holds no private key/],
    ["-----BEGIN ENCRYPTED PRIVATE KEY-----", /the PEM key is encrypted/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => readPrivateKey(text, "ed25519"), { name: "IdentityError", message });
  }
});

/** A key as ssh-keygen writes it, down to where the public part begins. */
function opensshKey(type: string, cipher = "none"): string {
  const string = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text, "latin1")]);
  };
  const parts = [cipher, cipher === "none" ? "none" : "bcrypt", ""].map(string);
  const blob = Buffer.concat([
    Buffer.from("openssh-key-v1\0", "latin1"),
    ...parts,
    Buffer.from([0, 0, 0, 1]),
    string(string(type).toString("latin1") + "SECRET"),
  ]);
  const lines = blob.toString("base64").match(/.{1,70}/g)!.join("\n");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

for (
  const [what, key, message] of [
    ["P-256", opensshKey("ecdsa-sha2-nistp256"), /PKCS#8\) is wanted: ssh-keygen .* -m PKCS8 -f/],
    ["Ed25519", opensshKey("ssh-ed25519"), /PKCS#8\) is wanted\. .* of Ed25519: python3 -c "/],
    [
      "locked Ed25519",
      opensshKey("ssh-ed25519", "aes256-ctr"),
      /passphrase off .*ssh-keygen -p -N "" .*: python3/,
    ],
    ["RSA", opensshKey("ssh-rsa"), /of type ssh-rsa; wanted is Ed25519, P-256 or secp256k1/],
    ["cut", opensshKey("ssh-ed25519").slice(0, 60), /of type unknown; wanted is Ed25519/],
  ] as const
) {
  Deno.test(`readPrivateKey says of an OpenSSH key (${what}) what to make of it`, () => {
    assert.throws(() => readPrivateKey(key, "ed25519"), { name: "IdentityError", message });
  });
}

Deno.test("readPrivateKey refuses scalars outside the curve's order", () => {
  for (const seed of ["00".repeat(32), "ff".repeat(32)]) {
    for (const type of ["p256", "secp256k1"] as const) {
      assert.throws(() => readPrivateKey(seed, type), /no private key of type/);
    }
  }
});
