import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { base64, base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import { type Bytes, concat } from "../bytes/encodings.ts";
import {
  assertRefused,
  authenticatorWith,
  messageOf,
  newSigner,
  partsOf,
  requestOf,
} from "../testing/signers.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key P-256");
const account = await newSigner("did:pkh");
const signed = async (someone: typeof signer) =>
  await someone.sign(await messageOf(partsOf(someone)));
const signature = await signed(signer);
const accounts = await signed(account);

function sending(someone: typeof signer, text: string) {
  return authenticate(requestOf(partsOf(someone), text));
}

/** Every way to write bytes that people try. */
const WRITINGS: ((bytes: Bytes) => string)[] = [
  base64urlnopad.encode,
  base64.encode,
  hex.encode,
  (bytes) => `0x${hex.encode(bytes)}`,
];

Deno.test("a signature is base64url without padding, or 0x and hex; an account's is the latter", async () => {
  const text = hex.encode(signature);
  for (const good of [base64urlnopad.encode(signature), `0x${text}`, `0x${text.toUpperCase()}`]) {
    assert.equal((await sending(signer, good)).did, signer.did);
  }
  for (const good of [`0x${hex.encode(accounts)}`, `0x${hex.encode(accounts).toUpperCase()}`]) {
    assert.equal((await sending(account, good)).did, account.did);
  }
  for (
    const bad of [
      ...[text, `0X${text}`, `0x${text}00`, `0x${text.slice(2)}`, `0x${text.slice(1)}`, "0x", "x"],
      ...[`${base64urlnopad.encode(signature)}==`, base64urlnopad.encode(signature.slice(1))],
    ]
  ) await assertRefused(sending(signer, bad), "invalid_request", /takes 64 bytes/);
  for (const bad of [base64urlnopad.encode(accounts), hex.encode(accounts)]) {
    await assertRefused(sending(account, bad), "invalid_request", /takes 65 bytes for did:pkh/);
  }
});

Deno.test("a signature in DER is named, in whatever it is written", async () => {
  for (const curve of [p256, secp256k1]) {
    const { secretKey } = curve.keygen();
    for (let n = 0; n < 20; n++) {
      const der = concat(curve.sign(Uint8Array.of(n), secretKey, { lowS: false, format: "der" }));
      for (const write of WRITINGS) {
        const refusal = await assertRefused(
          sending(signer, write(der)),
          "invalid_signature",
          /ASN\.1 DER.*ieee-p1363/,
        );
        assert.ok(!refusal.message.includes(write(der)));
      }
    }
  }
});

Deno.test("a smart account's signature is named", async () => {
  const magic = hex.decode("6492".repeat(16));
  for (const smart of [concat(accounts, accounts), concat(accounts, magic), new Uint8Array(9000)]) {
    for (const write of WRITINGS) {
      await assertRefused(
        sending(account, write(smart)),
        "invalid_signature",
        /smart accounts \(ERC-1271, ERC-6492\).*not supported/,
      );
    }
  }
  // Another key signs for it, which nobody but the account can say.
  const other = await newSigner("did:pkh");
  const text = `0x${hex.encode(await other.sign(await messageOf(partsOf(account))))}`;
  await assertRefused(sending(account, text), "invalid_signature", /Smart accounts \(ERC-1271\)/);
});

Deno.test("what begins like DER, and is none, is not said to be", async () => {
  for (
    const bytes of [
      concat([0x30, 0x44], new Uint8Array(68)),
      concat([0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x02, 0x01]),
      concat([0x30, 0x03, 0x02, 0x01, 0x01]),
      concat([0x30]),
    ]
  ) {
    await assertRefused(sending(signer, base64urlnopad.encode(bytes)), "invalid_request");
  }
});

Deno.test("a signature in DER is named with as much padding as base64 has, and not with more", async () => {
  const der = p256.sign(Uint8Array.of(1), p256.keygen().secretKey, { lowS: false, format: "der" });
  const text = base64urlnopad.encode(der);
  for (const padding of ["", "=", "=="]) {
    await assertRefused(sending(signer, text + padding), "invalid_signature", /ASN\.1 DER/);
  }
  // However many there are, none is tried as the first one of a padding.
  for (const padding of ["===", "=".repeat(60_000)]) {
    await assertRefused(sending(signer, text + padding), "invalid_request", /takes 64 bytes/);
  }
});
