import assert from "node:assert/strict";
import { scriptedFetch } from "../testing/fake_fetch.ts";
import { createAnalytics } from "./analytics.ts";
import { createManagementCall, ManagementError } from "./management_call.ts";

const SPAN = { fromMs: Date.UTC(2026, 10, 1), toMs: Date.UTC(2026, 10, 2) };

function answering(body: string) {
  const { fetch, calls } = scriptedFetch(new Response(body));
  const call = createManagementCall("https://openrouter.test/api/v1", "management", fetch);
  return { analytics: createAnalytics(call), calls };
}

Deno.test("a key's generations are asked for by its hash, and come with every digit", async () => {
  const { analytics, calls } = answering(
    '{"data":{"data":[{"generation_id":"gen-1","model":"m","credits_usage":0.10000000000000000001},' +
      '{"generation_id":"gen-2","model":null,"credits_usage":7e-10},' +
      '{"generation_id":"gen-3","credits_usage":0},{"credits_usage":1},' +
      '{"generation_id":"gen-4","model":"m","credits_usage":null},null,7],' +
      '"metadata":{"truncated":false}}}',
  );
  assert.deepEqual(await analytics.generations("hash", SPAN), {
    listed: [
      { id: "gen-1", model: "m", cost: "0.10000000000000000001", sinceMs: SPAN.fromMs },
      { id: "gen-2", model: null, cost: "7e-10", sinceMs: SPAN.fromMs },
      { id: "gen-3", model: null, cost: "0", sinceMs: SPAN.fromMs },
    ],
    isWhole: true,
  });
  assert.equal(calls[0]?.method, "POST");
  assert.equal(calls[0]?.url, "https://openrouter.test/api/v1/analytics/query");
  assert.deepEqual(JSON.parse(String(calls[0]?.body)), {
    metrics: ["credits_usage"],
    dimensions: ["generation_id", "model"],
    filters: [{ field: "api_key_id", operator: "eq", value: "hash" }],
    // Whatever stands beside it OpenRouter does not read: it would tell of the last seven days.
    time_range: { start: "2026-11-01T00:00:00.000Z", end: "2026-11-02T00:00:00.000Z" },
    limit: 10_000,
  });
});

Deno.test("an answer says where rows are missing in it", async () => {
  const { analytics } = answering('{"data":{"data":[],"metadata":{"truncated":true}}}');
  assert.equal((await analytics.generations("hash", SPAN)).isWhole, false);
  for (const metadata of ["null", "7", "{}", '{"truncated":"true"}']) {
    const whole = answering(`{"data":{"data":[],"metadata":${metadata}}}`).analytics;
    assert.equal((await whole.generations("hash", SPAN)).isWhole, true, metadata);
  }
});

Deno.test("a list that takes OpenRouter too long lacks rows; another refusal is none", async () => {
  const refusing = (status: number) => {
    const { fetch } = scriptedFetch(new Response("{}", { status }));
    return createAnalytics(createManagementCall("https://openrouter.test", "management", fetch));
  };
  assert.deepEqual(await refusing(408).generations("hash", SPAN), { listed: [], isWhole: false });
  await assert.rejects(refusing(403).generations("hash", SPAN), ManagementError);
});

Deno.test("what a key spent is one sum, and nothing where there is no row", async () => {
  const spent = answering('{"data":{"data":[{"credits_usage":1.50}],"metadata":{}}}');
  assert.equal(await spent.analytics.spent("hash", SPAN), "1.50");
  assert.deepEqual(JSON.parse(String(spent.calls[0]?.body)).dimensions, []);
  const nothing = answering('{"data":{"data":[],"metadata":{}}}');
  assert.equal(await nothing.analytics.spent("hash", SPAN), "0");
});

Deno.test("what a key spent that OpenRouter warns not to know is not known", async () => {
  const unknown = (warnings: string, data = "[]") =>
    answering(`{"data":{"data":${data},"metadata":{},"warnings":${warnings}}}`).analytics;
  const warning = '["api_key_id: no such hash"]';
  assert.equal(await unknown(warning).spent("hash", SPAN), null);
  assert.equal(await unknown(warning, '[{"credits_usage":0}]').spent("hash", SPAN), null);
  for (const none of ["[]", "null", '""']) {
    assert.equal(await unknown(none).spent("hash", SPAN), "0");
  }
});

Deno.test("an answer without rows is an error, not an empty account", async () => {
  for (const body of ['{"data":{}}', '{"data":null}', "{}", "null", "[]", "7"]) {
    const { analytics } = answering(body);
    await assert.rejects(analytics.generations("hash", SPAN), (error: unknown) => {
      assert.ok(error instanceof ManagementError);
      assert.equal(
        error.message,
        "OpenRouter's answer to POST /analytics/query lacks the rows",
      );
      assert.equal(error.status, null);
      return true;
    });
  }
});
