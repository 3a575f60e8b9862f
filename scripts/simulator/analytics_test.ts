import assert from "node:assert/strict";
import { activity, queryAnalytics } from "./analytics.ts";
import type { Call } from "./call.ts";
import { Faults } from "./faults.ts";
import { type GenerationRecord, Ledger } from "./ledger.ts";
import { startSimulator } from "./server.ts";
import { type Bench, chat, MANAGEMENT_KEY, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID } from "./workspaces.ts";

async function query({ manage }: Bench, body: object) {
  const response = await manage("POST", "/analytics/query", body);
  assert.equal(response.status, 200);
  return (await response.json()).data;
}

Deno.test("POST /analytics/query names the generations of one key, those too that nobody else knows", () =>
  withSimulator(async (bench) => {
    const { call, manage, hash } = bench;
    const known = await (await call("/chat/completions", chat(3))).json();
    const unlisted = await (await call("/chat/completions", chat(3), {
      simulate: "unlisted,cost:0.25",
    })).json();
    const { key } = await (await manage("POST", "/keys", { name: "other" })).json();
    await (await call("/chat/completions", chat(3), { key })).text();
    const { data, metadata } = await query(bench, {
      metrics: ["credits_usage", "request_count", "tokens_completion"],
      dimensions: ["generation_id", "api_key_id"],
      filters: [{ field: "api_key_id", operator: "eq", value: hash }],
    });
    const counts = { request_count: "1", tokens_completion: "3" };
    assert.deepEqual(data, [
      { generation_id: known.id, api_key_id: hash, credits_usage: 0.0000021, ...counts },
      { generation_id: unlisted.id, api_key_id: hash, credits_usage: 0.25, ...counts },
    ]);
    assert.deepEqual([metadata.row_count, metadata.truncated], [2, false]);
  }));

Deno.test("POST /analytics/query sums up by key, by model, by day, or everything", () =>
  withSimulator(async (bench) => {
    const { call, hash } = bench;
    for (const model of ["openai/gpt-4o-mini", "openai/gpt-4o"]) {
      await (await call("/chat/completions", chat(1, { model }), { simulate: "cost:0.5" })).text();
    }
    const metrics = ["credits_usage"];
    const rows = async (rest: object) => (await query(bench, { metrics, ...rest })).data;
    assert.deepEqual(await rows({}), [{ credits_usage: 1 }]);
    assert.deepEqual(await rows({ dimensions: ["api_key_id"] }), [
      { api_key_id: hash, credits_usage: 1 },
    ]);
    assert.equal((await rows({ dimensions: ["model"] })).length, 2);
    const [byMonth] = await rows({ granularity: "month" });
    assert.match(byMonth.date, /^\d{4}-\d\d$/);
  }));

Deno.test("POST /analytics/query answers the time that is asked for, and says where rows are missing", () =>
  withSimulator(async (bench) => {
    for (let n = 0; n < 3; n++) await (await bench.call("/chat/completions", chat(1))).text();
    const base = { metrics: ["request_count"], dimensions: ["generation_id"] };
    const { data, metadata } = await query(bench, { ...base, limit: 2 });
    assert.deepEqual([data.length, metadata.truncated], [2, true]);
    const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
    const asked = async (start: string, end: string) =>
      (await query(bench, { ...base, time_range: { start, end } })).data.length;
    assert.equal(await asked(ago(7_200_000), ago(3_600_000)), 0);
    assert.equal(await asked(ago(7_200_000), ago(-1_000)), 3);
  }));

/** A span of time that ends now. */
function lastDays(days: number): { start: string; end: string } {
  const nowMs = Date.now();
  const start = new Date(nowMs - days * 86_400_000).toISOString();
  return { start, end: new Date(nowMs).toISOString() };
}

Deno.test("POST /analytics/query refuses what it cannot answer", () =>
  withSimulator(async ({ manage, call }) => {
    const metrics = ["credits_usage"];
    const bad = [
      {},
      { metrics: ["nothing"] },
      { metrics, dimensions: ["model", "provider", "api_key_id"] },
      { metrics, filters: [{ field: "api_key_id", operator: "like", value: "x" }] },
      { metrics, time_range: lastDays(40) },
      { metrics, time_range: { ...lastDays(31), end: lastDays(-0.001).start } },
      { metrics, time_range: { start: lastDays(1).start } },
      { metrics, time_range: { start: lastDays(0).end, end: lastDays(1).start } },
      // What OpenRouter does not know there.
      { metrics, ...lastDays(1) },
      { metrics, granularity: "century" },
      { metrics, limit: 10_001 },
    ];
    for (const body of bad) {
      const refused = await manage("POST", "/analytics/query", body);
      assert.equal(refused.status, 400, JSON.stringify(body));
    }
    const ordinary = await call("/analytics/query", { metrics });
    assert.equal(ordinary.status, 401);
    assert.equal((await ordinary.json()).error.message, "Invalid management key");
  }));

Deno.test("POST /analytics/query tells of the last seven days where it is not asked for others", async () => {
  const ledger = new Ledger({ generationDelayMs: 0, analyticsDelayMs: 0 });
  const { key } = ledger.createKey({
    name: "x",
    workspaceId: DEFAULT_WORKSPACE_ID,
    externalUser: null,
  });
  for (const daysAgo of [1, 6, 8]) {
    const createdAtMs = Date.now() - daysAgo * 86_400_000;
    ledger.book({ id: `gen-${daysAgo}`, keyHash: key.hash, cost: 1n, createdAtMs } as never, key);
  }
  const counted = async (rest: object) => {
    const body = { metrics: ["request_count"], ...rest };
    const answer = queryAnalytics({ body, ledger } as unknown as Call);
    return (await new Response(answer.body as string).json()).data.data;
  };
  assert.deepEqual(await counted({}), [{ request_count: "2" }]);
  assert.deepEqual(await counted({ time_range: lastDays(31) }), [{ request_count: "3" }]);
});

Deno.test("POST /analytics/query answers 64 times a minute", () =>
  withSimulator(async ({ manage }) => {
    const ask = () => manage("POST", "/analytics/query", { metrics: ["credits_usage"] });
    for (let n = 0; n < 64; n++) assert.equal((await ask()).status, 200);
    const refused = await ask();
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
  }));

Deno.test("analyticsDelayMs: what was just booked is not analysed yet", async () => {
  const simulator = await startSimulator({
    managementKey: MANAGEMENT_KEY,
    analyticsDelayMs: 3_600_000,
  });
  try {
    const ask = async (path: string, key: string, body: object) =>
      await (await fetch(simulator.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(body),
      })).json();
    const { key } = await ask("/keys", MANAGEMENT_KEY, { name: "x" });
    await ask("/chat/completions", key, chat(1));
    const query = { metrics: ["request_count"], dimensions: ["generation_id"] };
    const { data } = await ask("/analytics/query", MANAGEMENT_KEY, query);
    assert.deepEqual(data.data, []);
  } finally {
    await simulator.stop();
  }
});

Deno.test("GET /activity sums up the days that are over, by model, for one key or for all", async () => {
  const ledger = new Ledger({ generationDelayMs: 0, analyticsDelayMs: 0 });
  const made = { name: "x", workspaceId: DEFAULT_WORKSPACE_ID, externalUser: null };
  const keys = [ledger.createKey(made).key, ledger.createKey(made).key];
  for (const [index, daysAgo] of [0, 1, 1, 1, 31].entries()) {
    const key = keys[index % 2]!;
    const record = {
      id: `gen-${index}`,
      keyHash: key.hash,
      model: "openai/gpt-4o",
      provider: "OpenAI",
      prompt: 2,
      completion: 3,
      cost: 500_000_000_000_000_000n,
      createdAtMs: Date.now() - daysAgo * 86_400_000,
    };
    ledger.book(record as GenerationRecord, key);
  }
  const read = async (search: string) => {
    const call: Call = {
      route: "GET /activity",
      query: new URLSearchParams(search),
      body: {},
      headers: {},
      parameter: "",
      faults: Faults.parse(),
      key: null,
      ledger,
    };
    return (await new Response(activity(call).body as string).json()).data;
  };
  const [row, ...others] = await read("");
  assert.deepEqual(others, []);
  assert.deepEqual({ ...row, date: "" }, {
    date: "",
    model: "openai/gpt-4o",
    provider_name: "OpenAI",
    usage: 1.5,
    requests: 3,
    prompt_tokens: 6,
    completion_tokens: 9,
  });
  assert.equal((await read(`api_key_hash=${keys[0]!.hash}`))[0].requests, 1);
  assert.deepEqual(await read(`date=${new Date().toISOString().slice(0, 10)}`), []);
});
