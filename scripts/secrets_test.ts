import assert from "node:assert/strict";
import { readEncryptionKey } from "../supabase/functions/openrouter-proxy/config.ts";
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
