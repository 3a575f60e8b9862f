import assert from "node:assert/strict";
import type { BudgetAlert } from "../../store/budget_alerts.ts";
import { alertMessage } from "./message.ts";

const ALERT: BudgetAlert = {
  id: "7b0c6a9e-0000-4000-8000-000000000001",
  scope: "did",
  did: "did:key:z6Mk",
  kind: "day",
  period_start: "2026-11-26",
  threshold: 80,
  limit: "2",
  reached: "1.62000000000000000001",
  reached_at: "2026-11-26T10:00:00+00:00",
  attempts: 3,
};

Deno.test("a message has Slack's text and the members of docs/protocol.md, amounts with all digits", () => {
  assert.equal(
    alertMessage(ALERT),
    '{"text":"did:key:z6Mk has used 80 % of its daily budget: $1.62 of $2.00",' +
      '"id":"7b0c6a9e-0000-4000-8000-000000000001","scope":"did","did":"did:key:z6Mk",' +
      '"kind":"day","period_start":"2026-11-26","threshold":80,"limit":2,' +
      '"reached":1.62000000000000000001,"reached_at":"2026-11-26T10:00:00+00:00"}',
  );
});

const GATEWAY = { scope: "gateway", did: null } as const;

for (
  const [changes, text] of [
    [{ kind: "month" }, "did:key:z6Mk has used 80 % of its monthly budget: $1.62 of $2.00"],
    [
      { ...GATEWAY, threshold: 100, reached: "5.009", limit: "5" },
      "The gateway has used 100 % of its daily budget: $5.00 of $5.00",
    ],
    [
      { ...GATEWAY, kind: "month", threshold: 50, reached: "1234.5", limit: "2469" },
      "The gateway has used 50 % of its monthly budget: $1234.50 of $2469.00",
    ],
    [
      { reached: "0.00405", limit: "0.005" },
      "did:key:z6Mk has used 80 % of its daily budget: $0.00405 of $0.005",
    ],
    [
      { threshold: 100, reached: "0", limit: "0" },
      "did:key:z6Mk has used 100 % of its daily budget: $0.00 of $0.00",
    ],
    [
      { ...GATEWAY, kind: "new_accounts", threshold: 50, reached: "50", limit: "100" },
      "50 % of the day's new accounts: 50 of 100",
    ],
  ] as [Partial<BudgetAlert>, string][]
) {
  Deno.test(`an alert reads "${text}"`, () => {
    assert.equal(JSON.parse(alertMessage({ ...ALERT, ...changes })).text, text);
  });
}
