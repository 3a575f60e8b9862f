/** Environments that the configuration is read from. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ConfigError, configFromEnv } from "../config/config.ts";

export const KEY = randomBytes(32);
export const BASE64 = KEY.toString("base64");

const ENV = {
  SUPABASE_URL: "https://ref.supabase.co",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_1"}',
  OPENROUTER_PROVISIONING_KEY: "sk-or-v1-management",
  API_KEY_ENCRYPTION_KEY: BASE64,
};

export function config(changes: Record<string, string | undefined> = {}) {
  const env: Record<string, string | undefined> = { ...ENV, ...changes };
  return configFromEnv({ get: (name) => env[name] });
}

/** Asserts that these changes, and no others, are reported, and that no value of them is. */
export function assertProblems(changes: Record<string, string | undefined>, ...names: string[]) {
  assert.throws(() => config(changes), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.problems.length, names.length, error.message);
    for (const [index, name] of names.entries()) {
      assert.ok(error.problems[index]!.startsWith(`${name} `), error.problems[index]!);
      assert.ok(error.message.includes(`\n- ${name} `));
    }
    for (const value of Object.values(changes)) {
      if (value !== undefined && value.length > 3) assert.ok(!error.message.includes(value), value);
    }
    return true;
  });
}
