import assert from "node:assert/strict";
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { expectedGrants } from "./expected_grants.ts";

Deno.test("the grants test's own list is read whole", async () => {
  const path = join(PROJECT_ROOT, "supabase", "tests", "grants.test.sql");
  const text = await Deno.readTextFile(path);
  const { relations, functions } = expectedGrants(text);
  assert.equal(relations.size, text.match(/^ {2}\('\w+', '\w*', '\w*'\)/gm)?.length);
  assert.deepEqual(relations.get("request_logs"), { authenticated: "r", service_role: "rawd" });
  assert.deepEqual(relations.get("user_api_keys"), { authenticated: "", service_role: "rawd" });
  // The last of each list.
  assert.deepEqual(relations.get("usage_against_budgets"), {
    authenticated: "",
    service_role: "r",
  });
  assert.equal(functions.get("schedule_maintenance"), false);
  assert.equal(functions.get("account_limits"), true);
  assert.equal(functions.get("withdraw_request"), true);
});

Deno.test("a list that is not where it was is no empty one", () => {
  assert.throws(() => expectedGrants("select 1;"), /cannot be read/);
});
