import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncryptionKey } from "../supabase/functions/openrouter-proxy/config/encryption_key.ts";
import { readEnvFile } from "./operator/env_file.ts";
import { runOperatorCommand } from "./operator/testing.ts";

Deno.test("secrets prints an env file with a new encryption key, and where the other secret is from", async () => {
  const runs = await Promise.all([1, 2].map(() => runOperatorCommand("secrets.ts", [])));

  const keys = runs.map(({ code, stdout, stderr }) => {
    assert.equal(code, 0);
    assert.equal(stderr, "");
    const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(lines.length, 1);
    assert.match(stdout, /^# .*openrouter\.ai\/settings.*\n# OPENROUTER_PROVISIONING_KEY=/m);
    return /^API_KEY_ENCRYPTION_KEY=(.+)$/.exec(lines[0]!)?.[1] ?? "";
  });

  for (const key of keys) assert.equal(readEncryptionKey(key)?.length, 32);
  assert.notEqual(keys[0], keys[1]);
});

Deno.test("secrets takes no arguments", async () => {
  const { code, stdout, stderr } = await runOperatorCommand("secrets.ts", ["--force"]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.equal(stderr, "error: unknown option '--force'\n");
});

Deno.test("secrets --output writes a file for its owner alone, and replaces none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "my secrets.env");
    await assert.rejects(readEnvFile(path), {
      message: `there is no ${path}; make it with: deno task secrets --output '${path}'`,
    });
    const first = await runOperatorCommand("secrets.ts", ["--output", path]);
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    const { API_KEY_ENCRYPTION_KEY: key } = await readEnvFile(path);
    assert.equal(readEncryptionKey(key!)?.length, 32);
    assert.ok(!first.stdout.includes(key!));
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);

    const second = await runOperatorCommand("secrets.ts", ["--output", path]);
    assert.equal(second.code, 0);
    assert.match(second.stdout, /is there already, and stays as it is/);
    assert.equal((await readEnvFile(path)).API_KEY_ENCRYPTION_KEY, key);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
