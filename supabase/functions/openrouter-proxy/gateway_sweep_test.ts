import assert from "node:assert/strict";
import type { BudgetAlert } from "./store/budget_alerts.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { gatewayWith, requestFrom } from "./testing/gateways.ts";

test("what is settled is followed by a sweep of stale rows, once a minute and no more", async () => {
  const gateway = await gatewayWith();
  for (let call = 0; call < 3; call++) {
    const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
    await (await gateway.fetch(request)).text();
    await gateway.idle();
  }
  assert.deepEqual([gateway.seen.settlements.length, gateway.seen.sweeps], [3, 1]);
});

for (const isAlerted of [true, false]) {
  const what = isAlerted ? "as soon as a settlement tells of them" : "once a minute in any case";
  test(`alerts go to the webhook ${what}`, async () => {
    const alert: BudgetAlert = {
      id: "1",
      scope: "gateway",
      did: null,
      kind: "day",
      period_start: "2026-11-22",
      threshold: 80,
      limit: "5",
      reached: "4",
      reached_at: "2026-11-22T00:00:00+00:00",
      attempts: 1,
    };
    const due: BudgetAlert[][] = [[], [alert]];
    const ended: string[] = [];
    const webhook = "http://hooks.test/T1?code=2";
    const gateway = await gatewayWith({
      env: { ALERT_WEBHOOK_URL: webhook, ALERT_WEBHOOK_SECRET: "16 characters..." },
      isAlerted,
      store: {
        claimBudgetAlerts: () => Promise.resolve({ alerts: due.shift() ?? [], left: 0 }),
        endBudgetAlert: (id) => Promise.resolve(ended.push(id) > 0),
      },
    });
    for (let call = 0; call < 2; call++) {
      const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
      await (await gateway.fetch(request)).text();
      await gateway.idle();
    }
    const sent = gateway.seen.forwarded.filter(({ url }) => url === webhook);
    assert.equal(sent.length, isAlerted ? 1 : 0);
    assert.deepEqual(ended, isAlerted ? ["1"] : []);
    // The sweep after the first settlement has asked.
    assert.ok(due.length < 2);
    if (isAlerted) assert.match(sent[0]!.headers.get("x-signature-256")!, /^sha256=[0-9a-f]{64}$/);
  });
}
