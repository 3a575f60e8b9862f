import assert from "node:assert/strict";
import { readSecretKeys } from "./secret_keys.ts";
import { assertProblems, config } from "../testing/environments.ts";

Deno.test("the new secret keys win over the legacy one, which does without them", () => {
  const legacy = "eyJhbGciOi.legacy";
  assert.equal(config({ SUPABASE_SERVICE_ROLE_KEY: legacy }).supabaseSecretKey, "sb_secret_1");
  assert.equal(
    config({ SUPABASE_SERVICE_ROLE_KEY: legacy, SUPABASE_SECRET_KEYS: undefined })
      .supabaseSecretKey,
    legacy,
  );
});

Deno.test("every secret key of the project is the operator's, and the legacy one, too", () => {
  const keys = { default: "sb_secret_1", automation: "sb_secret_2" };
  const { operatorKeys, supabaseSecretKey } = config({
    SUPABASE_SECRET_KEYS: JSON.stringify(keys),
    SUPABASE_SERVICE_ROLE_KEY: "eyJhbGciOi.legacy",
  });
  assert.deepEqual(operatorKeys, ["sb_secret_1", "sb_secret_2", "eyJhbGciOi.legacy"]);
  assert.equal(supabaseSecretKey, "sb_secret_1");
});

Deno.test("without a default key another one is used, and without any the legacy one", () => {
  const legacy = "eyJhbGciOi.legacy";
  const keyOf = (keys: string) =>
    config({ SUPABASE_SECRET_KEYS: keys, SUPABASE_SERVICE_ROLE_KEY: legacy }).supabaseSecretKey;
  assert.equal(keyOf('{"automation":"sb_secret_2"}'), "sb_secret_2");
  assert.equal(keyOf('{"automation":"sb_secret_2","default":"sb_secret_1"}'), "sb_secret_1");
  // So Supabase's own compose file has it where there is no new key.
  for (const none of ["{}", '{"default":""}', '{"default":"","other":""}']) {
    assert.equal(keyOf(none), legacy);
    assertProblems({ SUPABASE_SECRET_KEYS: none }, "SUPABASE_SECRET_KEYS");
  }
});

for (const bad of ["sb_secret_1", "null", "[]", '{"default":7}', '{"default":"sb_secret_1"']) {
  Deno.test(`SUPABASE_SECRET_KEYS of ${bad} is a problem, with or without the legacy key`, () => {
    for (const legacy of ["eyJhbGciOi.legacy", undefined]) {
      assertProblems(
        { SUPABASE_SECRET_KEYS: bad, SUPABASE_SERVICE_ROLE_KEY: legacy },
        "SUPABASE_SECRET_KEYS",
      );
    }
  });
}

Deno.test("what is wrong with secret keys is told by the variable that has to be mended", () => {
  const problem = (keys?: string) => readSecretKeys({ keys, legacy: undefined });
  assert.match(
    String(problem()),
    /^SUPABASE_SECRET_KEYS \(or SUPABASE_SERVICE_ROLE_KEY\) is not set$/,
  );
  assert.match(String(problem("{}")), /^SUPABASE_SECRET_KEYS holds no key, and/);
  assert.match(String(problem("sb_secret_1")), /^SUPABASE_SECRET_KEYS must be JSON of the shape/);
});
