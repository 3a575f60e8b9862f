import assert from "node:assert/strict";
import { createPseudonyms } from "./pseudonym.ts";

const KEY = new Uint8Array(32).map((_, index) => index);
const OTHER_KEY = new Uint8Array(32).map((_, index) => 255 - index);
const DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

Deno.test("a DID's pseudonym is the same whenever it is asked for, and in every worker", async () => {
  const one = createPseudonyms(KEY, null);
  assert.equal(await one(DID), await one(DID));
  assert.equal(await one(DID), await createPseudonyms(KEY, null)(DID));
});

Deno.test("a pseudonym does not change with the version: providers remember it", async () => {
  assert.equal(await createPseudonyms(KEY, null)(DID), "1b3eb86c78bbcdb2e54cf68a21ec79ba");
});

Deno.test("a pseudonym tells nothing of the DID, and differs for every DID and secret", async () => {
  const pseudonym = await createPseudonyms(KEY, null)(DID);
  assert.match(pseudonym, /^[0-9a-f]{32}$/);
  assert.notEqual(pseudonym, await createPseudonyms(KEY, null)(`${DID}x`));
  assert.notEqual(pseudonym, await createPseudonyms(OTHER_KEY, null)(DID));
});

Deno.test("a pseudonym outlives a rotation for as long as the previous key is known", async () => {
  const before = await createPseudonyms(KEY, null)(DID);
  assert.equal(await createPseudonyms(OTHER_KEY, KEY)(DID), before);
});
