import assert from "node:assert/strict";
import { createKeyVault, keyIdOf, VaultError } from "./key_vault.ts";

const DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
const OTHER_DID = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
const PLAINTEXT = `sk-or-v1-${"0e6f".repeat(16)}`;

function randomKey(bytes = 32) {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

async function refusalOf(opening: Promise<string>): Promise<string> {
  const error = await opening.then(
    () => assert.fail("the envelope opened"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof VaultError, String(error));
  assert.equal(error.name, "VaultError");
  assert.ok(!error.message.includes(PLAINTEXT));
  return error.message;
}

Deno.test("a vault opens what it sealed for the same DID", async () => {
  const vault = createKeyVault(randomKey(), null);
  assert.equal(await vault.open(DID, await vault.seal(DID, PLAINTEXT)), PLAINTEXT);
});

Deno.test("an envelope is v1, key id, 96 bits of nonce, ciphertext and 128 bits of tag", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelope = await vault.seal(DID, PLAINTEXT);
  const [, keyId, nonce, ciphertext] =
    /^v1\.([0-9a-f]{16})\.([\w-]{16})\.([\w-]+)$/.exec(envelope) ?? assert.fail(envelope);
  assert.equal(keyId, keyIdOf(envelope));
  assert.equal(nonce?.length, 16);
  assert.equal(ciphertext?.length, Math.ceil((PLAINTEXT.length + 16) * 4 / 3));
});

Deno.test("an envelope of a known key opens for ever", async () => {
  // Made once by this code: whoever changes the format must keep reading this.
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  const vault = createKeyVault(key, null);
  const envelope =
    "v1.a2bba1b12d5cc019.zqnB_tdz_TG_MwkQ.DUuxCo6BqIxz_yFM4QWuUz07LFeQaFz-N79lwbXMLIYKb6InawMAUYbp3eCgKPZGUMz-CP7t6F5s6jd0dOGHOTVyklJdi5OzA0MbPYq09AYqsuXtotbYavM";
  assert.equal(await vault.open(DID, envelope), PLAINTEXT);
  assert.equal(await vault.isCurrent(envelope), true);
});

Deno.test("no two envelopes of the same key are alike", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelopes = await Promise.all(
    Array.from({ length: 100 }, () => vault.seal(DID, PLAINTEXT)),
  );
  const nonces = envelopes.map((envelope) => envelope.split(".")[2]);
  const ciphertexts = envelopes.map((envelope) => envelope.split(".")[3]);
  assert.equal(new Set(nonces).size, 100);
  assert.equal(new Set(ciphertexts).size, 100);
});

Deno.test("an envelope does not open for another DID, not even one that begins the same", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelope = await vault.seal(DID, PLAINTEXT);
  for (const did of [OTHER_DID, `${DID}x`, DID.slice(0, -1), DID.toUpperCase(), ""]) {
    assert.equal(
      await refusalOf(vault.open(did, envelope)),
      `the stored key of ${did} was altered, or belongs to another DID`,
    );
  }
});

Deno.test("an envelope that was opened for its DID still does not open for another", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelope = await vault.seal(DID, PLAINTEXT);
  await vault.open(DID, envelope);
  await refusalOf(vault.open(OTHER_DID, envelope));
});

Deno.test("a change of any character of an envelope is refused", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelope = await vault.seal(DID, PLAINTEXT);
  for (let at = 0; at < envelope.length; at++) {
    const changed = envelope[at] === "A" ? "B" : "A";
    await refusalOf(vault.open(DID, envelope.slice(0, at) + changed + envelope.slice(at + 1)));
  }
});

Deno.test("an envelope that is cut short or goes on is refused", async () => {
  const vault = createKeyVault(randomKey(), null);
  const envelope = await vault.seal(DID, PLAINTEXT);
  for (let length = 0; length < envelope.length; length++) {
    await refusalOf(vault.open(DID, envelope.slice(0, length)));
  }
  for (const more of ["A", ".", ".A", "\n", "="]) {
    await refusalOf(vault.open(DID, envelope + more));
  }
});

Deno.test("a plaintext in place of an envelope is refused without repeating it", async () => {
  const vault = createKeyVault(randomKey(), null);
  assert.equal(
    await refusalOf(vault.open(DID, PLAINTEXT)),
    `the stored key of ${DID} is no v1 envelope`,
  );
});

Deno.test("the previous key opens, and never seals", async () => {
  const [oldKey, newKey] = [randomKey(), randomKey()];
  const before = createKeyVault(oldKey, null);
  const during = createKeyVault(newKey, oldKey);
  const after = createKeyVault(newKey, null);
  const old = await before.seal(DID, PLAINTEXT);

  assert.equal(await during.open(DID, old), PLAINTEXT);
  assert.equal(await during.isCurrent(old), false);

  const resealed = await during.seal(DID, PLAINTEXT);
  assert.equal(await during.isCurrent(resealed), true);
  assert.equal(await after.open(DID, resealed), PLAINTEXT);
  assert.match(await refusalOf(before.open(DID, resealed)), new RegExp(keyIdOf(resealed)!));
});

Deno.test("an envelope without one of its four parts is none", async () => {
  const vault = createKeyVault(randomKey(), null);
  const [version, id, nonce, ciphertext] = (await vault.seal(DID, PLAINTEXT)).split(".");
  const none = [
    `v2.${id}.${nonce}.${ciphertext}`,
    `${version}.${id}..${ciphertext}`,
    `${version}.${id}.${nonce}.`,
    `${version}.${id}.${nonce}`,
    `${version}.${id}.${nonce}.${ciphertext}.`,
  ];
  for (const envelope of none) {
    const refusal = await refusalOf(vault.open(DID, envelope));
    assert.equal(refusal, `the stored key of ${DID} is no v1 envelope`, envelope);
  }
});

Deno.test("an envelope of an unknown key is refused by the key's id", async () => {
  const envelope = await createKeyVault(randomKey(), null).seal(DID, PLAINTEXT);
  const message = await refusalOf(createKeyVault(randomKey(), randomKey()).open(DID, envelope));
  assert.equal(
    message,
    `the stored key of ${DID} was sealed with key ${keyIdOf(envelope)}, which is neither ` +
      "API_KEY_ENCRYPTION_KEY nor API_KEY_ENCRYPTION_KEY_PREVIOUS",
  );
});

Deno.test("the id of a key is the same wherever the key is used, and another one's is not", async () => {
  const key = randomKey();
  const [first, second, other] = await Promise.all([
    createKeyVault(key, null).seal(DID, PLAINTEXT),
    createKeyVault(key, randomKey()).seal(OTHER_DID, "another"),
    createKeyVault(randomKey(), key).seal(DID, PLAINTEXT),
  ]);
  assert.equal(keyIdOf(first), keyIdOf(second));
  assert.notEqual(keyIdOf(first), keyIdOf(other));
});

Deno.test("keyIdOf finds no id where an envelope names none", () => {
  const none = ["", "v1", "v1.", PLAINTEXT, "v2.0123456789abcdef.n.c", "v1.0123.n.c"];
  for (const text of [...none, "xv1.0123456789abcdef.n.c"]) {
    assert.equal(keyIdOf(text), null);
  }
});

Deno.test("keys longer than 32 bytes and DIDs of any characters work", async () => {
  const vault = createKeyVault(randomKey(64), null);
  const did = `did:web:${"ü🙂".repeat(50)}`;
  assert.equal(await vault.open(did, await vault.seal(did, PLAINTEXT)), PLAINTEXT);
});

Deno.test("more keys than the vault remembers still open", async () => {
  const vault = createKeyVault(randomKey(), null);
  const dids = Array.from({ length: 5_100 }, (_, index) => `did:key:z${index}`);
  const envelopes = await Promise.all(dids.map((did) => vault.seal(did, did)));
  for (const [index, did] of dids.entries()) {
    assert.equal(await vault.open(did, envelopes[index]!), did);
  }
  assert.equal(await vault.open(dids[0]!, envelopes[0]!), dids[0]);
});

Deno.test("the ids of the keys are those that envelopes name", async () => {
  const [key, previous] = [randomKey(), randomKey()];
  const { keyIds, seal } = createKeyVault(key, previous);
  const { current, previous: replaced } = await keyIds();
  assert.equal(current, keyIdOf(await seal("did:key:a", "sk")));
  assert.equal(replaced, keyIdOf(await createKeyVault(previous, null).seal("did:key:a", "sk")));
  assert.equal((await createKeyVault(key, null).keyIds()).previous, null);
});
