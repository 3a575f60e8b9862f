import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ORGANIZATION_ID, USER_ID } from "./identifiers.ts";
import { chat, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID } from "./workspaces.ts";

Deno.test("POST /keys answers 201 with the documented members and the plaintext", () =>
  withSimulator(async ({ manage }) => {
    const response = await manage("POST", "/keys", {
      name: "u1",
      limit: 50,
      limit_reset: "monthly",
      include_byok_in_limit: true,
    });
    assert.equal(response.status, 201);
    const { data, key } = await response.json();
    assert.match(key, /^sk-or-v1-[0-9a-f]{64}$/);
    const { hash, label, created_at, creator_user_id, workspace_id, ...rest } = data;
    assert.equal(hash, createHash("sha256").update(key).digest("hex"));
    assert.equal(label, `${key.slice(0, 12)}...${key.slice(-4)}`);
    assert.ok(Number.isFinite(Date.parse(created_at)));
    assert.match(creator_user_id, /^user_/);
    assert.match(workspace_id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      name: "u1",
      disabled: false,
      limit: 50,
      limit_remaining: 50,
      limit_reset: "monthly",
      include_byok_in_limit: true,
      usage: 0,
      usage_daily: 0,
      usage_weekly: 0,
      usage_monthly: 0,
      byok_usage: 0,
      byok_usage_daily: 0,
      byok_usage_weekly: 0,
      byok_usage_monthly: 0,
      updated_at: null,
      expires_at: null,
      external_user: null,
    });
  }));

Deno.test("POST /keys refuses bad members", () =>
  withSimulator(async ({ manage }) => {
    for (
      const bad of [
        {},
        { name: "" },
        { name: "x", limit: -1 },
        { name: "x", limit_reset: 3 },
        { name: "x", expires_at: "2026-12-31" },
        { name: "x", expires_at: "2026-12-31T00:00Z" },
        { name: "x", creator_user_id: "" },
      ]
    ) assert.equal((await manage("POST", "/keys", bad)).status, 400, JSON.stringify(bad));
  }));

Deno.test("GET /keys pages by 100, newest first, and leaves out disabled keys", () =>
  withSimulator(async ({ manage }) => {
    for (let n = 0; n < 101; n++) await manage("POST", "/keys", { name: `key ${n}` });
    const list = async (query: string) =>
      (await (await manage("GET", `/keys${query}`)).json()).data;
    const first = await list("");
    assert.equal(first.length, 100);
    assert.equal(first[0].name, "key 100");
    assert.deepEqual((await list("?offset=100")).map((key: { name: string }) => key.name), [
      "key 0",
      "tester",
    ]);
    await manage("PATCH", `/keys/${first[0].hash}`, { disabled: true });
    assert.equal((await list(""))[0].name, "key 99");
    assert.equal((await list("?include_disabled=true"))[0].name, "key 100");
  }));

Deno.test("PATCH changes a key, and a disabled one no longer calls", () =>
  withSimulator(async ({ manage, hash, call }) => {
    const { data } = await (await manage("PATCH", `/keys/${hash}`, {
      name: "renamed",
      limit: 0.1,
      limit_reset: "daily",
      disabled: true,
    })).json();
    assert.deepEqual([data.name, data.limit, data.limit_reset, data.disabled], [
      "renamed",
      0.1,
      "daily",
      true,
    ]);
    assert.notEqual(data.updated_at, null);
    const refused = await call("/chat/completions", chat(1));
    assert.equal(refused.status, 401);
    assert.deepEqual(await refused.json(), { error: { message: "User not found.", code: 401 } });
  }));

Deno.test("a deleted key is gone from the list, cannot call, and stays in the books", () =>
  withSimulator(async ({ manage, hash, call, simulator }) => {
    const deleted = await manage("DELETE", `/keys/${hash}`);
    assert.deepEqual(await deleted.json(), { deleted: true });
    assert.equal((await manage("GET", `/keys/${hash}`)).status, 404);
    assert.deepEqual(await (await manage("GET", "/keys?include_disabled=true")).json(), {
      data: [],
    });
    assert.equal((await call("/key")).status, 401);
    assert.equal(simulator.ledger().keys[0]?.deleted, true);
  }));

Deno.test("a key belongs to whom it was made for", () =>
  withSimulator(async ({ manage, call }) => {
    const body = { name: "theirs", creator_user_id: "user_other" };
    const { key, data } = await (await manage("POST", "/keys", body)).json();
    const seen = (await (await call("/key", undefined, { key })).json()).data;
    assert.deepEqual([data.creator_user_id, seen.creator_user_id], ["user_other", "user_other"]);
  }));

Deno.test("an expired key cannot call", () =>
  withSimulator(async ({ manage, call }) => {
    const body = { name: "old", expires_at: "2020-01-01T00:00:00Z" };
    const { key } = await (await manage("POST", "/keys", body)).json();
    assert.equal((await call("/key", undefined, { key })).status, 401);
  }));

Deno.test("each kind of wrong key gets its own 401", () =>
  withSimulator(async ({ simulator, call, key }) => {
    const message = async (response: Response) => {
      assert.equal(response.status, 401);
      return (await response.json()).error.message;
    };
    const bare = await fetch(`${simulator.url}/key`);
    assert.equal(await message(bare), "No cookie auth credentials found");
    assert.equal(
      await message(await call("/key", undefined, { key: "sk-or-v1-0" })),
      "User not found.",
    );
    assert.equal(await message(await call("/keys", undefined, { key })), "Invalid management key");
  }));

Deno.test("a spent limit refuses metered calls with 403 and names its period", () =>
  withSimulator(async ({ manage, hash, call }) => {
    await manage("PATCH", `/keys/${hash}`, { limit: 0.5 });
    await (await call("/chat/completions", chat(1), { simulate: "cost:0.5" })).text();
    const refusal = async () => {
      const response = await call("/chat/completions", chat(1));
      assert.equal(response.status, 403);
      return (await response.json()).error.message;
    };
    const rest = "limit). Manage it using https://openrouter.ai/settings/keys";
    assert.equal(await refusal(), `Key limit exceeded (total ${rest}`);
    await manage("PATCH", `/keys/${hash}`, { limit_reset: "daily" });
    assert.equal(await refusal(), `Key limit exceeded (daily ${rest}`);
    const { data } = await (await call("/key")).json();
    assert.deepEqual([data.limit_remaining, data.usage_daily], [0, 0.5]);
  }));

Deno.test("the customer's own spending counts against the limit only if the key says so", () =>
  withSimulator(async ({ manage, hash, call }) => {
    await manage("PATCH", `/keys/${hash}`, { limit: 1 });
    await (await call("/chat/completions", chat(1), { simulate: "byok,cost:1" })).text();
    const { data } = await (await manage("GET", `/keys/${hash}`)).json();
    assert.deepEqual([data.usage, data.byok_usage, data.limit_remaining], [0.05, 1, 0.95]);
    await manage("PATCH", `/keys/${hash}`, { include_byok_in_limit: true });
    assert.equal((await call("/chat/completions", chat(1))).status, 403);
  }));

Deno.test("GET /key and GET /credits tell what was spent", () =>
  withSimulator(async ({ manage, call, hash }) => {
    await (await call("/chat/completions", chat(3))).text();
    const free = chat(1, { model: "meta-llama/llama-3.3-70b-instruct:free" });
    await (await call("/chat/completions", free)).text();
    const { data } = await (await call("/key")).json();
    assert.equal(data.hash, undefined);
    assert.deepEqual({ ...data, label: "" }, {
      label: "",
      limit: null,
      limit_remaining: null,
      limit_reset: null,
      include_byok_in_limit: false,
      expires_at: null,
      creator_user_id: USER_ID,
      organization_id: ORGANIZATION_ID,
      workspace_id: DEFAULT_WORKSPACE_ID,
      free_model_daily_requests: { used: 1, limit: 1000, remaining: 999 },
      budgets: [],
      effective_budget: null,
      byok_usage: 0,
      byok_usage_daily: 0,
      byok_usage_weekly: 0,
      byok_usage_monthly: 0,
      usage: 0.0000021,
      usage_daily: 0.0000021,
      usage_weekly: 0.0000021,
      usage_monthly: 0.0000021,
      is_free_tier: false,
      is_management_key: false,
      is_provisioning_key: false,
      allowed_data_regions: ["global"],
      rate_limit: { requests: -1, interval: "10s", note: "This field is deprecated" },
    });
    for (const credits of [await manage("GET", "/credits"), await call("/credits")]) {
      assert.equal((await credits.json()).data.total_usage, 0.0000021);
    }
    assert.equal((await (await manage("GET", "/key")).json()).data.is_management_key, true);
    assert.equal((await (await manage("GET", `/keys/${hash}`)).json()).data.usage, 0.0000021);
  }));
