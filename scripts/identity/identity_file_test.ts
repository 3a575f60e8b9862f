import assert from "node:assert/strict";
import { createIdentityRecord } from "../client/llm_gateway.ts";
import { loadIdentity, openIdentity, saveIdentity } from "../client/node.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("openIdentity makes the identity that it finds from then on, for its owner alone", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/me.did.json`;
    const { did } = await openIdentity(file, { type: "secp256k1", method: "jwk" });
    assert.match(did, /^did:jwk:/);
    assert.equal((await openIdentity(file)).did, did);
    assert.equal((await loadIdentity(file)).did, did);
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  });
});

Deno.test("openIdentity gives everyone who opens a new file at once the same identity", async () => {
  await inFolder(async (folder) => {
    const opened = await Promise.all(
      Array.from({ length: 8 }, () => openIdentity(`${folder}/me.did.json`)),
    );
    assert.equal(new Set(opened.map(({ did }) => did)).size, 1);
  });
});

Deno.test("openIdentity replaces no file that holds no identity", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/me.did.json`;
    await Deno.writeTextFile(file, "{", { mode: 0o600 });
    await assert.rejects(openIdentity(file), /is no identity file: not valid JSON/);
    assert.equal(await Deno.readTextFile(file), "{");
  });
});

Deno.test("saveIdentity keeps an identity that is there, and what is no DID out", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/me.did.json`;
    const [first, second] = [await createIdentityRecord(), await createIdentityRecord()];
    await saveIdentity(file, first);
    await assert.rejects(saveIdentity(file, second), { name: "IdentityError", code: "EXISTS" });
    assert.equal((await loadIdentity(file)).did, first.did);
    await saveIdentity(file, second, true);
    assert.equal((await loadIdentity(file)).did, second.did);
    await assert.rejects(saveIdentity(file, { ...first, did: "me" }, true), /me is no DID/);
    await assert.rejects(loadIdentity(`${folder}/none`), { code: "MISSING" });
  });
});
