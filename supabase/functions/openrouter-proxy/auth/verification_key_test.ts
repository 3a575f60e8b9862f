import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { type VerificationKey, verifiesUnderAny } from "./verification_key.ts";

const SIGNATURE = new Uint8Array(64);

/** Keys that write down that they are asked. */
function keysOf(
  kinds: [name: string, native: boolean, signatureBytes: 64 | 65, verifies: boolean][],
): { keys: VerificationKey[]; asked: string[] } {
  const asked: string[] = [];
  const keys = kinds.map(([name, native, signatureBytes, verifies]) => ({
    alg: null,
    httpSignatureAlg: null,
    jwk: null,
    native,
    signatureBytes,
    verify() {
      asked.push(name);
      return Promise.resolve(verifies);
    },
  }));
  return { keys, asked };
}

Deno.test("verifiesUnderAny asks WebCrypto's keys before those that take twenty times as long", async () => {
  const { keys, asked } = keysOf([
    ["slow", false, 64, false],
    ["fast", true, 64, false],
    ["slow too", false, 64, true],
    ["fast too", true, 64, false],
  ]);
  assert.equal(await verifiesUnderAny(keys, SIGNATURE, utf8("m")), true);
  assert.deepEqual(asked, ["fast", "fast too", "slow", "slow too"]);
});

Deno.test("verifiesUnderAny asks no key after the one that made the signature", async () => {
  const { keys, asked } = keysOf([["slow", false, 64, true], ["fast", true, 64, true]]);
  assert.equal(await verifiesUnderAny(keys, SIGNATURE, utf8("m")), true);
  assert.deepEqual(asked, ["fast"]);
});

Deno.test("verifiesUnderAny asks no key whose signatures have another length", async () => {
  const { keys, asked } = keysOf([["account", false, 65, true], ["fast", true, 64, false]]);
  assert.equal(await verifiesUnderAny(keys, SIGNATURE, utf8("m")), false);
  assert.deepEqual(asked, ["fast"]);
});

Deno.test("verifiesUnderAny asks a signature itself where there are many slow keys", async () => {
  const { keys, asked } = keysOf(
    ["a", "b", "c"].map((name) => [name, false, 64, name === "b"]),
  );
  let signers = ["b", "z"];
  const recovering = keys.map((key, i) => ({
    ...key,
    recovery: { publicKey: "abc"[i]!, signersOf: () => Promise.resolve(signers) },
  }));
  assert.equal(await verifiesUnderAny(recovering, SIGNATURE, utf8("m")), true);
  signers = ["z"];
  assert.equal(await verifiesUnderAny(recovering, SIGNATURE, utf8("m")), false);
  assert.deepEqual(asked, []);
  assert.equal(await verifiesUnderAny(recovering.slice(0, 2), SIGNATURE, utf8("m")), true);
  assert.deepEqual(asked, ["a", "b"]);
});
