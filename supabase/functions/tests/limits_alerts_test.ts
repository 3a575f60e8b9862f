/** Alerts, from the call that brings them about to the webhook that was down. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { estimateOf, setGatewayLimits, setLimits } from "./harness/limits.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { maintain } from "./harness/maintenance.ts";
import { until } from "./harness/until.ts";
import { startWebhook } from "./harness/webhook.ts";
import { useWorld } from "./harness/world.ts";

const SECRET = "a secret of the tests, which is long";
const hook = await startWebhook();
const world = useWorld({
  freshStack: true,
  env: { ALERT_WEBHOOK_URL: hook.url, ALERT_WEBHOOK_SECRET: SECRET },
});
Deno.test.afterAll(hook.stop);

/** A call that costs so much. */
async function spend(identity: Identity, usd: string, gateway = world.gateway): Promise<string> {
  const answer = await call(
    gateway,
    identity,
    "POST",
    CHAT,
    chat("hello", { max_tokens: 10 }),
    { headers: { "x-openrouter-simulate": `cost:${usd}` } },
  );
  assert.equal(answer.status, 200, await answer.text());
  await world.db.endedRow(answer);
  return answer.headers.get("x-request-id")!;
}

interface Alert {
  id: string;
  text: string;
  did: string | null;
  scope: string;
  kind: string;
  period_start: string;
  threshold: number;
  limit: number;
  reached: number;
}

/** What has arrived of a DID, or of the gateway, each alert once. */
function arrivedOf(did: string | null): Alert[] {
  const alerts = hook.posts.map(({ body }) => JSON.parse(body) as Alert);
  const byId = new Map(
    alerts.filter((alert) => alert.did === did).map((alert) => [alert.id, alert]),
  );
  return [...byId.values()].sort((a, b) => a.threshold - b.threshold);
}

const thresholds = (alerts: Alert[]) => alerts.map(({ threshold }) => threshold);

/** Time, without waiting for it: what was tried in vain is due again. */
async function letTimePass() {
  await world.db.sql`
    update public.budget_alerts set attempt_after = now() where delivered_at is null`;
}

async function undelivered(): Promise<number> {
  const [row] = await world.db.sql`
    select count(*)::integer as count from public.budget_alerts where delivered_at is null`;
  return row!.count;
}

/** Waits until each alert has been tried so often. */
async function tried(did: string, attempts: number) {
  await until("the attempts", async () => {
    const [row] = await world.db.sql`
      select min(attempts) as attempts from public.budget_alerts where did = ${did}`;
    return row!.attempts === attempts;
  });
}

Deno.test("what a webhook does not take while it is down arrives once it is up, signed", async () => {
  const { db, env } = world;
  const identity = await newIdentity();
  const { did } = identity;
  await setLimits(db, did, { daily_budget_usd: "1" });
  const [spending] = await startGateways(1, env);
  world.defer(spending!.stop);
  await spend(identity, "0.6", spending);
  await spend(identity, "0.25", spending);
  await spend(identity, "0.2", spending);
  await tried(did, 1);
  // An attempt counts when it begins; each has ended when its line is there.
  const inVainLines = () => spending!.log.filter(({ event }) => event === "alert_undelivered");
  await until("the ends of the attempts", () => inVainLines().length === 3);
  // It may look once more for what is due, and would take that from the maintenance below.
  await spending!.stop();
  assert.equal(hook.posts.length, 0);
  assert.doesNotMatch(spending!.output(), /hook\/of-the-tests/);

  hook.be(500);
  await letTimePass();
  const inVain = await maintain(world);
  assert.equal(inVain.jobs.alerts?.done, 0);
  assert.equal(inVain.jobs.alerts?.left, 3);
  assert.equal(hook.failed(), 3);
  await tried(did, 2);

  hook.be("up");
  assert.equal((await maintain(world)).jobs.alerts?.done, 0, "they are not due yet");
  await letTimePass();
  assert.equal((await maintain(world)).jobs.alerts?.done, 3);

  const arrived = arrivedOf(did);
  assert.deepEqual(thresholds(arrived), [50, 80, 100]);
  const today = new Date().toISOString().slice(0, 10);
  for (const [index, reached] of [0.6, 0.85, 1.05].entries()) {
    const { scope, kind, period_start, limit, text } = arrived[index]!;
    assert.deepEqual({ scope, kind, period_start, limit }, {
      scope: "did",
      kind: "day",
      period_start: today,
      limit: 1,
    });
    assert.equal(arrived[index]!.reached, reached);
    assert.ok(text.includes(did));
  }
  for (const { body, signature, contentType } of hook.posts) {
    const mac = createHmac("sha256", SECRET).update(body).digest("hex");
    assert.equal(signature, `sha256=${mac}`);
    assert.equal(contentType, "application/json");
  }
  assert.equal(await undelivered(), 0);
  await letTimePass();
  assert.equal((await maintain(world)).jobs.alerts?.done, 0);
  assert.equal(hook.posts.length, 3);
});

Deno.test("a webhook that is up is told in the background, as soon as a call brings an alert about", async () => {
  const identity = await newIdentity();
  await setLimits(world.db, identity.did, { monthly_budget_usd: "1" });
  await spend(identity, "0.5");
  await until("the alert", () => arrivedOf(identity.did).length === 1);
  const [alert] = arrivedOf(identity.did);
  assert.equal(alert!.kind, "month");
  assert.equal(alert!.period_start, `${new Date().toISOString().slice(0, 7)}-01`);
  assert.equal(alert!.threshold, 50);
});

Deno.test("what failed in the background is tried again by an isolate that has traffic", async () => {
  const { db, env } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { daily_budget_usd: "1" });
  hook.be("down");
  await spend(identity, "0.9");
  await tried(identity.did, 1);
  hook.be("up");
  await letTimePass();
  // Of a gateway that has never swept, the first settlement does.
  const [another] = await startGateways(1, env);
  world.defer(another!.stop);
  const answer = await call(another!, await newIdentity(), "POST", CHAT, chat("hello"));
  assert.equal(answer.status, 200, await answer.text());
  await until("the alerts", () => arrivedOf(identity.did).length === 2);
  assert.deepEqual(thresholds(arrivedOf(identity.did)), [50, 80]);
});

Deno.test("a call that is refused because hardly anything is left tells of 100 %", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  await setLimits(db, identity.did, { daily_budget_usd: "0.1" });
  await spend(identity, "0.099");
  const body = chat("hello", { max_tokens: 16_000 });
  const refused = await call(gateway, identity, "POST", CHAT, body);
  assert.equal(refused.status, 402, await refused.text());
  await until("the alerts", () => arrivedOf(identity.did).length === 3);
  assert.deepEqual(thresholds(arrivedOf(identity.did)), [50, 80, 100]);
});

Deno.test("new accounts are told of, and so is the gateway's own budget", async () => {
  const { db } = world;
  const [counted] = await db
    .sql`select day_new_accounts as before from public.budgets where did = '*'`;
  await setGatewayLimits(db, { new_accounts_per_day: counted!.before + 2 });
  await spend(await newIdentity(), "0.01");
  await until(
    "the accounts' alerts",
    () =>
      arrivedOf(null).some(({ kind, threshold }) => kind === "new_accounts" && threshold === 80),
  );
  await spend(await newIdentity(), "0.01");
  await until(
    "all of them",
    () => arrivedOf(null).filter(({ kind }) => kind === "new_accounts").length === 3,
  );
  const refused = await call(world.gateway, await newIdentity(), "POST", CHAT, chat("hello"));
  assert.equal(refused.status, 403, await refused.text());
  await db.sql`select public.set_gateway_limits(clear => '{new_accounts_per_day}')`;

  await setGatewayLimits(db, { daily_budget_usd: "10" });
  await spend(await newIdentity(), "5.5");
  await until(
    "the gateway's alert",
    () => arrivedOf(null).some(({ kind, threshold }) => kind === "day" && threshold === 50),
  );
});

Deno.test("GET /limits shows what is spent, reserved and left, and which thresholds were reached", async () => {
  const { db, gateway, openrouter } = world;
  await db.sql`select public.set_gateway_limits(clear => '{daily_budget_usd}')`;
  const identity = await newIdentity();
  const limits = {
    daily_budget_usd: "1",
    monthly_budget_usd: "3",
    requests_per_minute: 30,
    concurrent_requests: 4,
    free_models_per_day: 5,
    allowed_models: ["openai/*"],
  };
  await setLimits(db, identity.did, limits);
  await spend(identity, "0.6");
  const leaving = new AbortController();
  const body = chat("hello", { max_tokens: 10, stream: true });
  const underWay = call(gateway, identity, "POST", CHAT, body, {
    headers: { "x-openrouter-simulate": "hang" },
    signal: leaving.signal,
  }).catch(() => {});
  const [pending] = await until("the call to be under way", async () => {
    const rows = await db.rowsOf(identity.did);
    return rows.length === 2 && rows.filter(({ status }) => status === "pending");
  });
  const reserved = Number(await estimateOf(db, pending!.id));

  const answer = await call(gateway, identity, "GET", "/api/v1/limits");

  const { data } = await answer.json();
  const round = (usd: number) => Number(usd.toFixed(12));
  const [day, month, ...others] = data.budgets;
  assert.deepEqual(others, []);
  const { resets_at: _, alerts, ...figures } = day;
  assert.deepEqual({ ...figures, remaining_usd: round(figures.remaining_usd) }, {
    scope: "did",
    period: "day",
    limit_usd: 1,
    spent_usd: 0.6,
    reserved_usd: reserved,
    remaining_usd: round(0.4 - reserved),
  });
  assert.deepEqual(thresholds(alerts), [50]);
  assert.ok(Date.now() - Date.parse(alerts[0].reached_at) < 60_000);
  assert.equal(round(month.remaining_usd), round(2.4 - reserved));
  assert.deepEqual(month.alerts, []);
  assert.equal(data.rates[0].requests_per_minute, 30);
  assert.equal(data.rates[0].remaining, 28);
  assert.equal(data.concurrent_requests, 4);
  assert.equal(data.free_models_per_day, 5);
  assert.deepEqual(data.allowed_models, ["openai/*"]);
  assert.equal(data.upstream_limit_usd, 1);
  assert.equal(data.access, "allowed");

  leaving.abort();
  await underWay;
  await openrouter.quiet();
});
