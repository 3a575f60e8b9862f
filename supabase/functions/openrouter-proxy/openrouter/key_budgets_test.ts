import assert from "node:assert/strict";
import { textOf, utf8 } from "../bytes/encodings.ts";
import { ownBudgets } from "./key_budgets.ts";

const budget = (scope: unknown, rest: object = {}) => ({
  scope,
  limit_usd: 50,
  spend_usd: 32.5,
  remaining_usd: 17.5,
  ...rest,
});
const OWN = ["workspace_default_key", "api_key", "key_limit"].map((scope) => budget(scope));
const ACCOUNTS = [
  ...["workspace_default_member", "member", "workspace", "made_tomorrow", null]
    .map((scope) => budget(scope)),
  { scope: "member", limit_usd: 50 },
  { scope: "member", spend_usd: 32.5 },
  { scope: "member", remaining_usd: 17.5 },
];
const own = (json: string, keepsLength = false) => textOf(ownBudgets(utf8(json), keepsLength));

Deno.test("ownBudgets gives what counts the key alone back as it came", () => {
  for (
    const json of [
      JSON.stringify(OWN, null, 2),
      JSON.stringify(OWN[0]),
      "[]",
      "null",
      " 1.50",
      '["a", {"scope": "member"}]',
    ]
  ) {
    const bytes = utf8(json);
    assert.equal(ownBudgets(bytes, false), bytes, json);
  }
});

Deno.test("ownBudgets leaves out what counts more than the key", () => {
  const [first, ...others] = OWN;
  const mixed = JSON.stringify([first, ...ACCOUNTS, ...others]);
  assert.equal(own(mixed), JSON.stringify(OWN));
  assert.equal(own(mixed, true), JSON.stringify(OWN).padEnd(mixed.length));
  for (const one of ACCOUNTS) {
    const json = JSON.stringify(one);
    assert.equal(own(json), "null");
    assert.equal(own(json, true), "null".padEnd(json.length));
  }
});
