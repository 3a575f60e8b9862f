import assert from "node:assert/strict";
import { Hono } from "hono";
import type { KeyState } from "../openrouter/management_key.ts";
import { StoreUnavailable } from "../store/rpc.ts";
import { errorOf, gatewayWith } from "../testing/gateways.ts";
import { createHealth } from "./health_route.ts";

/** The member `data` of an answer, of a gateway whose database takes 12.3456 ms. */
async function dataOf(query: string, state: KeyState) {
  let elapsed = 5_000;
  const health = createHealth({
    store: {
      async ping() {
        await Promise.resolve();
        elapsed += 12.3456;
      },
    },
    keyState: () => Promise.resolve(state),
    region: "eu-central-1",
    now: () => Date.UTC(2026, 10, 27),
    elapsedMs: () => elapsed,
  });
  const app = new Hono().get("/", health);
  const { success, data } = await (await app.request(`http://edge/${query}`)).json();
  assert.equal(success, true);
  const { version, timestamp, ...more } = data;
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.equal(timestamp, "2026-11-27T00:00:00.000Z");
  return more;
}

Deno.test("deep health says where the function runs, and how far the database is from there", async () => {
  assert.deepEqual(await dataOf("?deep=1", "accepted"), {
    status: "healthy",
    region: "eu-central-1",
    database_ms: 12.35,
    management_key: "accepted",
  });
});

Deno.test("a management key that OpenRouter refuses makes health degraded, an unknown one does not", async () => {
  const refused = await dataOf("?deep=1", "refused");
  assert.deepEqual([refused.status, refused.management_key], ["degraded", "refused"]);
  const unknown = await dataOf("?deep=1", "unknown");
  assert.deepEqual([unknown.status, unknown.management_key], ["healthy", "unknown"]);
});

Deno.test("health that is asked for in another spelling is no answer that looks healthy", async () => {
  const gateway = await gatewayWith();
  for (const query of ["?deep=true", "?deep", "?deep=0", "?deep=1&deep=0", "?deep=1&deep=1"]) {
    const request = new Request(`http://edge/openrouter-proxy/api/v1/health${query}`);
    const { type, param, message } = await errorOf(await gateway.fetch(request));
    assert.deepEqual([type, param], ["invalid_request", "deep"], query);
    const isTwice = query.includes("&");
    assert.equal(
      message,
      isTwice ? "deep is given twice" : "deep must be 1; leave it out to ask nobody",
    );
  }
});

Deno.test("health that is not deep asks nobody", async () => {
  assert.deepEqual(await dataOf("", "refused"), { status: "healthy" });
});

Deno.test("deep health is no answer that looks healthy where the database is away", async () => {
  const gateway = await gatewayWith({
    store: { ping: () => Promise.reject(new StoreUnavailable("ping: gone", false)) },
  });
  const request = new Request("http://edge/openrouter-proxy/api/v1/health?deep=1");
  assert.equal((await errorOf(await gateway.fetch(request))).type, "store_unavailable");
});
