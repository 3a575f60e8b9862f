import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import { onAnswer } from "../testing/on_answer.ts";
import { rateLimited, tellLimits } from "./rate_limited.ts";
import type { RequestEnv } from "./request_log.ts";

const RATE = { limit: 300, remaining: 7, resetSeconds: 42 };

for (const [seconds, told] of [[0, "1"], [0.2, "1"], [1, "1"], [1.01, "2"], [59, "59"]] as const) {
  Deno.test(`a refusal that ends in ${seconds} s says so as Retry-After: ${told}`, async () => {
    const refusal = rateLimited({
      ...RATE,
      remaining: 0,
      scope: "free_models",
      retryAfterSeconds: seconds,
      message: "slow down",
    });
    const response = errorResponse(refusal, "request-1");
    assert.equal(response.status, 429);
    const headers = ["retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    assert.deepEqual(headers.map((name) => response.headers.get(name)), [told, "300", "0", "42"]);
    const { error } = await response.json();
    assert.deepEqual(error, {
      code: 429,
      type: "rate_limited",
      message: "slow down",
      request_id: "request-1",
      scope: "free_models",
    });
  });
}

async function answered(rate: typeof RATE | undefined, headers: Record<string, string>) {
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(tellLimits));
  app.get("/", (c) => {
    c.set("rate", rate);
    return new Response("x", { headers });
  });
  const response = await app.request("/");
  assert.equal(await response.text(), "x");
  return ["limit", "remaining", "reset"].map((name) => response.headers.get(`ratelimit-${name}`));
}

Deno.test("an answer tells of the rate that its request counted in", async () => {
  assert.deepEqual(await answered(RATE, {}), ["300", "7", "42"]);
});

Deno.test("an answer that counted in no rate tells of none", async () => {
  assert.deepEqual(await answered(undefined, {}), [null, null, null]);
});

Deno.test("an answer that tells of another rate keeps that", async () => {
  const headers = { "ratelimit-limit": "60", "ratelimit-remaining": "0", "ratelimit-reset": "9" };
  assert.deepEqual(await answered(RATE, headers), ["60", "0", "9"]);
});

Deno.test("an answer tells what is left of the budgets, and nothing where there are none", async () => {
  const told = async (remainingUsd: string | undefined) => {
    const app = new Hono<RequestEnv>();
    app.use(onAnswer(tellLimits));
    app.get("/", (c) => {
      c.set("remainingUsd", remainingUsd);
      return c.text("x");
    });
    return (await app.request("/")).headers.get("x-budget-remaining-usd");
  };
  assert.equal(await told("0.25"), "0.25");
  assert.equal(await told(undefined), null);
});
