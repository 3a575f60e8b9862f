import assert from "node:assert/strict";
import { ORGANIZATION_ID, USER_ID } from "./identifiers.ts";
import { type Bench, chat, dataOf, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID } from "./workspaces.ts";

const CHAT = "/chat/completions";

async function refused({ call }: Bench, simulate: string, path = CHAT, body: object = chat(1)) {
  const response = await call(path, body, { simulate });
  return { response, body: await response.json() };
}

Deno.test("402 tells whose limit it is, and only the one of the calls in flight may be retried", () =>
  withSimulator(async (bench) => {
    const sources: [faults: string, source: string, retryAfter: string | null][] = [
      ["status:402", "openrouter_credits", null],
      ["credits", "openrouter_credits", null],
      ["credits:key", "openrouter_key_limit", null],
      ["credits:in-flight", "openrouter_in_flight_budget", "1"],
    ];
    for (const [faults, source, retryAfter] of sources) {
      const { response, body } = await refused(bench, faults);
      assert.equal(response.status, 402);
      assert.equal(response.headers.get("retry-after"), retryAfter);
      assert.equal(body.error.metadata.limit_source, source);
      assert.equal(typeof body.error.metadata.remedy_hint, "string");
    }
  }));

Deno.test("budget: 403 with what was spent and when it is renewed", () =>
  withSimulator(async (bench) => {
    const { response, body } = await refused(bench, "budget");
    assert.equal(response.status, 403);
    assert.equal(body.error.message, "Budget limit exceeded");
    assert.deepEqual(Object.keys(body.error.metadata), [
      "limit_source",
      "scope",
      "limit_usd",
      "spend_usd",
      "resets_at",
    ]);
  }));

Deno.test("a provider's 429 names the pool that is used up", () =>
  withSimulator(async (bench) => {
    const { body } = await refused(bench, "provider-429:3");
    assert.equal(body.error.metadata.limit_source, "upstream_provider_shared_pool");
    assert.equal(body.error.metadata.retry_after_seconds, 3);
  }));

Deno.test("zod and availability: errors of other shapes", () =>
  withSimulator(async (bench) => {
    const zod = await refused(bench, "zod");
    assert.equal(zod.response.status, 400);
    assert.deepEqual([zod.body.success, zod.body.error.name], [false, "ZodError"]);
    assert.ok(Array.isArray(JSON.parse(zod.body.error.message)));
    const down = await refused(bench, "availability");
    assert.equal(down.response.status, 503);
    assert.equal(down.body.error.code, undefined);
    assert.equal(down.body.error.availability.retryable, true);
  }));

Deno.test("error_type stands in the metadata, in the error, or on top, by endpoint", () =>
  withSimulator(async (bench) => {
    const type = "rate_limit_exceeded";
    const chatError = (await refused(bench, "status:429")).body;
    assert.equal(chatError.error.metadata.error_type, type);
    const messagesError = (await refused(bench, "status:429", "/messages")).body;
    assert.equal(messagesError.error.error_type, type);
    const input = { model: "openai/gpt-4o-mini", input: "x" };
    const responsesError = (await refused(bench, "status:429", "/responses", input)).body;
    assert.equal(responsesError.error_type, type);
    assert.equal(responsesError.error.metadata, undefined);
  }));

Deno.test("user-id: an error inside a 200 has the account beside it, in JSON and in each kind of stream", () =>
  withSimulator(async (bench) => {
    const inside = await refused(bench, "error:429,user-id");
    assert.equal(inside.response.status, 200);
    assert.deepEqual(inside.body, {
      error: { code: 429, message: "Rate limit exceeded" },
      user_id: USER_ID,
    });
    const choice = (await refused(bench, "choice-error,user-id")).body.choices[0];
    assert.deepEqual([choice.error.code, choice.user_id], [502, USER_ID]);
    const input = { model: "openai/gpt-4o-mini", input: "x", prompt: "x", stream: true };
    const streams: [path: string, body: object][] = [
      [CHAT, chat(3, { stream: true })],
      ["/messages", chat(3, { stream: true })],
      ["/responses", input],
      ["/images", input],
    ];
    for (const [path, body] of streams) {
      const stream = await bench.call(path, body, { simulate: "error:502:1,user-id" });
      const event = dataOf(await stream.text()).at(-1);
      assert.equal(event.user_id, USER_ID, path);
    }
  }));

Deno.test("bare-error: an event of a stream that is the error object alone", () =>
  withSimulator(async ({ call }) => {
    for (const path of [CHAT, "/messages"]) {
      const simulate = "error:429:1,bare-error,user-id";
      const stream = await call(path, chat(3, { stream: true }), { simulate });
      assert.deepEqual(dataOf(await stream.text()).at(-1), {
        error: { code: 429, message: "Rate limit exceeded" },
        user_id: USER_ID,
      });
    }
  }));

Deno.test("raw-ids: every error quotes the account, its organization, the workspace and the key's hash", () =>
  withSimulator(async (bench) => {
    const quoted = {
      error: { message: "the provider refused" },
      user_id: USER_ID,
      organization_id: ORGANIZATION_ID,
      workspace_id: DEFAULT_WORKSPACE_ID,
      key_hash: bench.hash,
    };
    const errors = [
      (await refused(bench, "status:502,raw-ids")).body.error,
      (await refused(bench, "provider-429,raw-ids")).body.error,
      (await refused(bench, "status:529,raw-ids", "/messages")).body.error,
      (await refused(bench, "raw-ids", CHAT, chat(1, { model: "x" }))).body.error,
      (await refused(bench, "error:429,raw-ids")).body.error,
      (await refused(bench, "choice-error,raw-ids")).body.choices[0].error,
    ];
    for (const path of [CHAT, "/messages"]) {
      const body = chat(3, { stream: true });
      const stream = await bench.call(path, body, { simulate: "error:502:1,raw-ids" });
      errors.push(dataOf(await stream.text()).at(-1).error);
    }
    for (const { metadata } of errors) assert.deepEqual(JSON.parse(metadata.raw), quoted);
  }));
