import assert from "node:assert/strict";
import { chat, withSimulator } from "./testing.ts";

Deno.test("free models answer 20 calls a minute, of all keys of the account together", () =>
  withSimulator(async ({ call, manage }) => {
    const { key } = await (await manage("POST", "/keys", { name: "other" })).json();
    const body = chat(1, { model: "meta-llama/llama-3.3-70b-instruct:free" });
    for (let n = 0; n < 20; n++) {
      const answer = await call("/chat/completions", body, n % 2 === 0 ? { key } : {});
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
    }
    const refused = await call("/chat/completions", body);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("x-ratelimit-limit"), "20");
    const { error } = await refused.json();
    assert.equal(error.message, "Rate limit exceeded: free-models-per-min");
    const { data } = await (await call("/key")).json();
    assert.deepEqual(data.free_model_daily_requests, { used: 20, limit: 1000, remaining: 980 });
    assert.equal((await call("/chat/completions", chat(1))).status, 200);
  }));
