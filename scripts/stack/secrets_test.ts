import assert from "node:assert/strict";
import { join } from "node:path";
import { configFromEnv } from "../../supabase/functions/openrouter-proxy/config/config.ts";
import { StackError } from "./errors.ts";
import { loadOrCreateSecrets } from "./secrets.ts";

Deno.test("loadOrCreateSecrets makes secrets once, in a file for its owner alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "secrets.json");
    const made = await loadOrCreateSecrets(path);
    assert.deepEqual(await loadOrCreateSecrets(path), made);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder), ({ name }) => name), [
      "secrets.json",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadOrCreateSecrets makes keys that the gateway accepts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const secrets = await loadOrCreateSecrets(join(folder, "secrets.json"));
    const environment: Record<string, string> = {
      SUPABASE_URL: "http://127.0.0.1:54321",
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: secrets.secretKey }),
      OPENROUTER_PROVISIONING_KEY: "sk-or-v1-management",
      API_KEY_ENCRYPTION_KEY: secrets.encryptionKey,
      GATEWAY_JWT_KEY: secrets.jwtKey,
    };
    const config = configFromEnv({ get: (name) => environment[name] });
    assert.equal(config.encryptionKey.length, 32);
    assert.equal(config.supabaseSecretKey, secrets.secretKey);
    assert.equal(config.jwtKey?.kid, JSON.parse(secrets.jwtKey).kid);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadOrCreateSecrets adds what a file of before lacks, and keeps the rest", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "secrets.json");
    const { jwtKey, ...before } = await loadOrCreateSecrets(path);
    await Deno.writeTextFile(path, JSON.stringify(before));
    const after = await loadOrCreateSecrets(path);
    assert.deepEqual(after, { ...before, jwtKey: after.jwtKey });
    assert.notEqual(after.jwtKey, jwtKey);
    assert.deepEqual(await loadOrCreateSecrets(path), after);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("loadOrCreateSecrets says of a damaged file what it is, and leaves it as it is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "secrets.json");
    for (const text of ["", '{"publishableKey": "sb_publ', "null", "[]", "7"]) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(loadOrCreateSecrets(path), (error) => {
        assert.ok(error instanceof StackError);
        assert.ok(error.message.startsWith(`${path} is damaged: `), error.message);
        assert.ok(error.message.includes(`delete ${folder}, `), error.message);
        return true;
      });
      assert.equal(await Deno.readTextFile(path), text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
