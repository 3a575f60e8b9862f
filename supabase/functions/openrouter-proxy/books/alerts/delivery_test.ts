import assert from "node:assert/strict";
import { StoreUnavailable } from "../../store/rpc.ts";
import type { BudgetAlert } from "../../store/budget_alerts.ts";
import { fakeFetch } from "../../testing/fake_fetch.ts";
import { type AlertDeliveryDeps, createAlertDelivery } from "./delivery.ts";
import { testWithTimers as test } from "../../testing/with_timers.ts";

function alertOf(id: string): BudgetAlert {
  return {
    id,
    scope: "did",
    did: "did:key:z6Mk",
    kind: "day",
    period_start: "2026-11-26",
    threshold: 50,
    limit: "2",
    reached: "1",
    reached_at: "2026-11-26T10:00:00+00:00",
    attempts: 1,
  };
}

/** A store in which so many alerts are due, and a webhook that takes all but some. */
function deliveryOf(due: number, options: {
  fails?: (id: string) => boolean;
  url?: string | null;
  store?: Partial<AlertDeliveryDeps["store"]>;
} = {}) {
  const rest = Array.from({ length: due }, (_, n) => alertOf(`a${n}`));
  const seen = {
    claims: [] as number[],
    sent: [] as string[],
    ended: [] as string[],
    lines: [] as Record<string, unknown>[],
    signed: new Set<boolean>(),
  };
  const pending = new Set<Promise<unknown>>();
  const delivery = createAlertDelivery({
    store: {
      claimBudgetAlerts(limit) {
        seen.claims.push(limit);
        return Promise.resolve({ alerts: rest.splice(0, limit), left: rest.length });
      },
      endBudgetAlert(id) {
        seen.ended.push(id);
        return Promise.resolve(true);
      },
      ...options.store,
    },
    fetch: fakeFetch(async ({ body, headers }) => {
      const { id } = await new Response(body as Blob).json();
      seen.sent.push(id);
      seen.signed.add(new Headers(headers).has("x-signature-256"));
      return new Response(null, { status: options.fails?.(id) ? 500 : 200 });
    }),
    url: options.url === undefined ? "https://hooks.example/secret" : options.url,
    secret: "a secret of mine",
    waitUntil(promise) {
      pending.add(promise);
      promise.finally(() => pending.delete(promise));
    },
    log: (line) => seen.lines.push(line),
  });
  const idle = async () => {
    while (pending.size > 0) await Promise.all(pending);
  };
  return { ...delivery, seen, rest, idle };
}

const NEVER = () => false;

test("what the webhook takes is ended, some at a time, until nothing is due", async () => {
  const { deliver, seen } = deliveryOf(10);
  assert.deepEqual(await deliver(Infinity, NEVER), { done: 10, failed: 0, left: 0 });
  assert.equal(seen.sent.length, 10);
  assert.deepEqual(seen.ended.toSorted(), seen.sent.toSorted());
  assert.deepEqual(seen.claims, [4, 4, 4]);
  assert.deepEqual([...seen.signed], [true]);
  assert.deepEqual(seen.lines, []);
});

test("an alert that the webhook does not take keeps no other, and is left and told of", async () => {
  const { deliver, seen } = deliveryOf(6, { fails: (id) => id === "a1" });
  assert.deepEqual(await deliver(Infinity, NEVER), { done: 5, failed: 1, left: 1 });
  assert.ok(!seen.ended.includes("a1"));
  assert.deepEqual(seen.lines, [{
    level: "warn",
    event: "alert_undelivered",
    alert_id: "a1",
    attempts: 1,
    error: "hooks.example answered with status 500",
  }]);
});

test("a webhook that takes nothing is not asked for more: the others stay due", async () => {
  const { deliver, seen } = deliveryOf(10, { fails: () => true });
  assert.deepEqual(await deliver(Infinity, NEVER), { done: 0, failed: 4, left: 10 });
  assert.equal(seen.sent.length, 4);
});

test("an alert whose delivery could not be noted is left, and keeps no other", async () => {
  const ended: string[] = [];
  const { deliver, seen } = deliveryOf(3, {
    store: {
      endBudgetAlert(id) {
        if (id === "a0") return Promise.reject(new StoreUnavailable("down", true));
        ended.push(id);
        return Promise.resolve(true);
      },
    },
  });
  assert.deepEqual(await deliver(Infinity, NEVER), { done: 2, failed: 1, left: 1 });
  assert.deepEqual(ended.toSorted(), ["a1", "a2"]);
  const [{ error, ...line }] = seen.lines as [Record<string, unknown>];
  assert.match(String(error), /^store_unavailable/);
  assert.deepEqual(line, {
    level: "warn",
    event: "alert_undelivered",
    alert_id: "a0",
    attempts: 1,
    cause: "down",
  });
});

test("one that fails is one of those that are wanted", async () => {
  const { deliver, seen } = deliveryOf(10, { fails: (id) => id === "a1" });
  assert.deepEqual(await deliver(6, NEVER), { done: 5, failed: 1, left: 5 });
  assert.deepEqual(seen.claims, [4, 2]);
});

test("no more are tried than are wanted", async () => {
  const { deliver, seen } = deliveryOf(10);
  assert.deepEqual(await deliver(6, NEVER), { done: 6, failed: 0, left: 4 });
  assert.deepEqual(seen.claims, [4, 2]);
});

test("when the time is over, no more is claimed, and what was not asked is not known", async () => {
  const { deliver, seen } = deliveryOf(10);
  assert.deepEqual(await deliver(Infinity, () => seen.claims.length === 1), {
    done: 4,
    failed: 0,
    left: 6,
  });
  assert.deepEqual(await deliver(Infinity, () => true), { done: 0, failed: 0, left: null });
});

test("a run in the background tries 20", async () => {
  const { soon, idle, seen, rest } = deliveryOf(50);
  soon();
  await idle();
  assert.deepEqual([seen.sent.length, rest.length], [20, 30]);
});

test("whoever calls while a run is under way starts no second one at once, but one after it", async () => {
  const { soon, idle, seen } = deliveryOf(0);
  for (let call = 0; call < 5; call++) soon();
  assert.equal(seen.claims.length, 1);
  await idle();
  assert.equal(seen.claims.length, 2);
  soon();
  await idle();
  assert.equal(seen.claims.length, 3);
});

test("a run that Postgres breaks off is told of, and the next call tries again", async () => {
  let claims = 0;
  const { soon, idle, seen } = deliveryOf(1, {
    store: {
      claimBudgetAlerts() {
        claims++;
        return Promise.reject(new StoreUnavailable("down", false));
      },
    },
  });
  for (const expected of [1, 2]) {
    soon();
    await idle();
    assert.equal(claims, expected);
  }
  const { level, event, cause } = seen.lines[0]!;
  assert.deepEqual([level, event, cause], ["warn", "alerts_deferred", "down"]);
});

test("without a webhook nothing is claimed, and nothing is left", async () => {
  const { soon, deliver, idle, seen } = deliveryOf(3, { url: null });
  soon();
  await idle();
  assert.deepEqual(await deliver(Infinity, NEVER), { done: 0, failed: 0, left: 0 });
  assert.deepEqual(seen.claims, []);
});
