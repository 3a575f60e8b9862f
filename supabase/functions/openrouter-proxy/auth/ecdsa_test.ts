import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { hex } from "@scure/base";
import assert from "node:assert/strict";
import { importP256, importSecp256k1 } from "./ecdsa.ts";
import { type Bytes, concat, toInteger, utf8 } from "../bytes/encodings.ts";
import { ethereumAccount } from "./ethereum_account.ts";
import { readMultikey } from "./key_types.ts";
import { assertRefused, newSigner } from "../testing/signers.ts";
import { verifiesUnderAny } from "./verification_key.ts";
import { decodePoint, P256, SECP256K1 } from "./weierstrass.ts";

const CURVES = [
  { name: "P-256", ours: P256, reference: p256, importKey: importP256 },
  { name: "secp256k1", ours: SECP256K1, reference: secp256k1, importKey: importSecp256k1 },
];
const MESSAGE = utf8("a message");

function bytes32(value: bigint): Bytes {
  return concat(hex.decode(value.toString(16).padStart(64, "0")));
}

for (const { name, ours, reference, importKey } of CURVES) {
  const { Point } = reference;

  Deno.test(`${name} points decode, compressed and not, as the reference's do`, () => {
    for (let i = 0; i < 20; i++) {
      const point = Point.fromBytes(reference.keygen().publicKey);
      const uncompressed = concat(point.toBytes(false));
      assert.deepEqual(decodePoint(ours, concat(point.toBytes(true))), uncompressed);
      assert.deepEqual(decodePoint(ours, uncompressed), uncompressed);
    }
  });

  Deno.test(`${name} keys are refused exactly where no point of the curve has their x`, async () => {
    let refused = 0;
    for (let x = 0n; x < 100n; x++) {
      const key = concat([2 + Number(x & 1n)], bytes32(x));
      const onCurve = isPoint(() => Point.fromBytes(key));
      if (onCurve) await importKey(key);
      else await assertRefused(importKey(key), "invalid_did");
      refused += onCurve ? 0 : 1;
    }
    assert.ok(refused > 25 && refused < 75, `${refused} of 100`);
  });

  Deno.test(`${name} keys are refused off the curve, beyond the field and in other encodings`, async () => {
    const { x, y } = Point.fromBytes(reference.keygen().publicKey).toAffine();
    const keys = [
      concat([4], bytes32(x), bytes32(y ^ 1n)),
      concat([4], bytes32(y), bytes32(x)),
      concat([4], bytes32(0n), bytes32(0n)),
      concat([4], bytes32(ours.p), bytes32(y)),
      concat([2], bytes32(ours.p)),
      concat([2], bytes32(2n ** 256n - 1n)),
      ...Array.from({ length: 256 }, (_, form) => concat([form], bytes32(x)))
        .filter(([form]) => form !== 2 && form !== 3),
      ...Array.from({ length: 256 }, (_, form) => concat([form], bytes32(x), bytes32(y)))
        .filter(([form]) => form !== 4),
      concat([0]),
      concat([2], bytes32(x).slice(1)),
      concat([2], bytes32(x), [0]),
    ];
    for (const key of keys) await assertRefused(importKey(key), "invalid_did");
  });

  Deno.test(`${name} signatures with r or s outside [1, n - 1] never verify`, async () => {
    const key = await importKey(concat(reference.keygen().publicKey));
    const specials = [0n, 1n, ours.n - 1n, ours.n, ours.n + 1n, ours.p, 2n ** 256n - 1n].map(
      bytes32,
    );
    for (const r of specials) {
      for (const s of specials) assert.equal(await key.verify(concat(r, s), MESSAGE), false);
    }
  });
}

function isPoint(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch {
    return false;
  }
}

Deno.test("many secp256k1 keys are not tried one by one: the signature tells whose it is", async () => {
  const signers = Array.from({ length: 3 }, () => secp256k1.keygen());
  const keys = await Promise.all(
    signers.map(async ({ publicKey }) => ({
      ...await importSecp256k1(concat(publicKey)),
      verify: () => Promise.reject(new Error("it was tried")),
    })),
  );
  const signedBy = (secretKey: Uint8Array) => concat(secp256k1.sign(MESSAGE, secretKey));
  for (const { secretKey } of signers) {
    assert.equal(await verifiesUnderAny(keys, signedBy(secretKey), MESSAGE), true);
  }
  const stranger = signedBy(secp256k1.keygen().secretKey);
  assert.equal(await verifiesUnderAny(keys, stranger, MESSAGE), false);
});

/** The other s of the same signature. */
function twin(signature: Bytes, n: bigint): Bytes {
  return concat(signature.slice(0, 32), bytes32(n - toInteger(signature.slice(32, 64))));
}

for (const { name, ours, reference, importKey } of CURVES) {
  Deno.test(`${name} accepts both s of a signature, and neither for another message`, async () => {
    const { publicKey, secretKey } = reference.keygen();
    const key = await importKey(concat(publicKey));
    const signature = concat(reference.sign(MESSAGE, secretKey));
    for (const either of [signature, twin(signature, ours.n)]) {
      assert.equal(await key.verify(either, MESSAGE), true);
      assert.equal(await key.verify(either, utf8("another message")), false);
    }
  });

  Deno.test(`${name}: no signature of a signer that leaves s as it comes is refused`, async () => {
    // As node:crypto and PyJWT do.
    const { publicKey, secretKey } = reference.keygen();
    const key = await importKey(concat(publicKey));
    let high = 0;
    for (let n = 0; n < 64; n++) {
      const message = utf8(`message ${n}`);
      const signature = concat(reference.sign(message, secretKey, { lowS: false }));
      assert.equal(await key.verify(signature, message), true, `message ${n}`);
      high += toInteger(signature.slice(32)) > ours.n / 2n ? 1 : 0;
    }
    assert.ok(high > 0 && high < 64, `${high} of 64 had high s`);
  });
}

Deno.test("EIP-191 takes v of 27, 28, 0 and 1, and none other", async () => {
  const signer = await newSigner("did:pkh");
  const account = await ethereumAccount(signer.did.split(":").at(-1)!);
  const signed = new Map<number, { message: Bytes; signature: Bytes }>();
  for (let n = 0; signed.size < 2; n++) {
    const message = utf8(`message ${n}`);
    const signature = await signer.sign(message);
    signed.set(signature[64]! - 27, { message, signature });
  }
  for (const [recovery, { message, signature }] of signed) {
    for (let v = 0; v < 256; v++) {
      const verified = await account.verify(concat(signature.slice(0, 64), [v]), message);
      assert.equal(verified, v === recovery || v === recovery + 27, `v = ${v}`);
    }
  }
});

Deno.test("EIP-191 refuses v of 2, 3, 29 and 30 of whom a signature with r beyond n tells", async () => {
  const { n, p } = SECP256K1;
  let r = 1n;
  while (!isPoint(() => secp256k1.Point.fromBytes(concat([2], bytes32(n + r))))) r++;
  assert.ok(n + r < p);
  const prefix = utf8(`\x19Ethereum Signed Message:\n${MESSAGE.length}`);
  const digest = keccak_256(concat(prefix, MESSAGE));
  for (const recovery of [2, 3]) {
    const key = new secp256k1.Signature(r, 1n, recovery).recoverPublicKey(digest).toBytes(false);
    const account = await ethereumAccount(
      `0x${hex.encode(keccak_256(key.slice(1)).slice(12))}`,
    );
    for (const v of [recovery, recovery + 27]) {
      const signature = concat(bytes32(r), bytes32(1n), [v]);
      assert.equal(await account.verify(signature, MESSAGE), false, `v = ${v}`);
    }
  }
});

Deno.test("EIP-191 refuses high s with the recovery id that fits it", async () => {
  const signer = await newSigner("did:pkh");
  const account = await ethereumAccount(signer.did.split(":").at(-1)!);
  const signature = await signer.sign(MESSAGE);
  const high = twin(signature, SECP256K1.n);
  for (const v of [0, 1, 27, 28]) {
    assert.equal(await account.verify(concat(high, [v]), MESSAGE), false);
  }
});

Deno.test("EIP-191 refuses r that is no x of the curve, and out of range", async () => {
  const account = await ethereumAccount(`0x${"00".repeat(20)}`);
  for (const r of [0n, 1n, 5n, SECP256K1.n - 1n, SECP256K1.n, SECP256K1.p, 2n ** 256n - 1n]) {
    const signature = concat(bytes32(r), bytes32(1n), [27]);
    assert.equal(await account.verify(signature, MESSAGE), false);
  }
});

Deno.test("secp256k1: the signers that a signature tells are those under whom it verifies", async () => {
  const signers = await Promise.all(
    Array.from({ length: 3 }, () => newSigner("did:key secp256k1")),
  );
  const keys = await Promise.all(signers.map(({ multikey }) => readMultikey(multikey!)()));
  for (const [i, signer] of signers.entries()) {
    const message = utf8(`message ${i}`);
    const signature = await signer.sign(message);
    const negated = SECP256K1.n - toInteger(signature.slice(32));
    const highS = concat(signature.slice(0, 32), bytes32(negated));
    const sent = [[signature, message], [highS, message], [signature, utf8("other")]] as const;
    for (const [bytes, text] of sent) {
      for (const [j, key] of keys.entries()) {
        const { publicKey, signersOf } = key.recovery!;
        const verifies = await key.verify(bytes, text);
        assert.equal(verifies, i === j && text === message);
        assert.equal((await signersOf(bytes, text)).includes(publicKey), verifies);
      }
    }
  }
  const outOfRange = [new Uint8Array(64), new Uint8Array(64).fill(0xff)];
  for (const bytes of outOfRange) {
    assert.deepEqual(await keys[0]!.recovery!.signersOf(bytes, utf8("m")), []);
  }
});
