import assert from "node:assert/strict";
import { CHAT } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

for (const path of ["", "/", "/api/v1/health"]) {
  Deno.test(`GET "${path}" says without credentials that the gateway is healthy`, async () => {
    const { gateway, openrouter } = world;
    const before = openrouter.requestCount();
    const response = await fetch(gateway.url + path);
    assert.equal(response.status, 200);
    const { success, data, ...more } = await response.json();
    assert.equal(success, true);
    assert.deepEqual(more, {});
    assert.equal(data.status, "healthy");
    assert.match(data.version, /^\d+\.\d+\.\d+/);
    assert.ok(Math.abs(Date.parse(data.timestamp) - Date.now()) < 60_000);
    assert.equal(openrouter.requestCount(), before);
  });
}

Deno.test("HEAD tells no length that GET's answer has not", async () => {
  const { url } = world.gateway;
  for (const path of ["/api/v1/health", "/api/v1/openapi.json", "/nope", `${CHAT}?a`]) {
    const head = await fetch(url + path, { method: "HEAD" });
    assert.equal(await head.text(), "");
    const get = await fetch(url + path);
    const length = (await get.bytes()).length;
    assert.equal(head.status, get.status, path);
    assert.equal(head.headers.get("content-type"), get.headers.get("content-type"), path);
    assert.ok([null, `${length}`].includes(head.headers.get("content-length")), path);
  }
});

Deno.test("deep health tells of the database and of the management key, which it asks about once", async () => {
  const { gateway, openrouter } = world;
  const before = openrouter.requestCount();
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`${gateway.url}/api/v1/health?deep=1`);
    assert.equal(response.status, 200);
    const { status, region, database_ms, management_key } = (await response.json()).data;
    assert.deepEqual([status, region, management_key], ["healthy", null, "accepted"]);
    assert.ok(database_ms > 0);
  }
  assert.ok(openrouter.requestCount() - before <= 1);
});

Deno.test("with its database down a gateway is healthy, and not deeply so", async () => {
  // A port that was free a moment ago.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const [gateway] = await startGateways(1, {
    ...world.env,
    SUPABASE_URL: `http://127.0.0.1:${port}`,
  });
  assert.ok(gateway);
  try {
    const shallow = await fetch(`${gateway.url}/api/v1/health`);
    assert.equal(shallow.status, 200);
    await shallow.body?.cancel();
    const deep = await fetch(`${gateway.url}/api/v1/health?deep=1`);
    await assertRefused(deep, 503, "store_unavailable");
  } finally {
    await gateway.stop();
  }
});

for (
  const [method, path] of [
    ["GET", "/api"],
    ["GET", "/api/v1"],
    ["GET", "/api/v1/healthy"],
    ["POST", "/api/v2/openrouter/chat/completions"],
    ["POST", "/chat/completions"],
    ["GET", "/API/v1/health"],
    ["GET", "/api/v1/constructor"],
  ] as const
) {
  Deno.test(`${method} ${path} is no route`, async () => {
    const { gateway, openrouter } = world;
    const before = openrouter.requestCount();
    await assertRefused(await fetch(gateway.url + path, { method }), 404, "not_found");
    assert.equal(openrouter.requestCount(), before);
  });
}

for (
  const [method, path, allowed] of [
    ["POST", "/", "GET"],
    ["DELETE", "/api/v1/health", "GET"],
    ["POST", "/api/v1/usage", "GET"],
    ["PUT", "/api/v1/usage", "GET"],
    ["PROPFIND", CHAT, "POST"],
  ] as const
) {
  Deno.test(`${method} ${path} is answered with the methods that are allowed`, async () => {
    const response = await fetch(world.gateway.url + path, { method });
    const allow = (response.headers.get("allow") ?? "").split(", ");
    assert.ok(allow.includes(allowed), allow.join());
    assert.ok(!allow.includes(method));
    await assertRefused(response, 405, "method_not_allowed");
  });
}

Deno.test("a gateway that is not configured says so to its operator, by name, and nobody else", async () => {
  const { env } = world;
  const unusable = { ...env, API_KEY_ENCRYPTION_KEY: "change-me", OPENROUTER_PROVISIONING_KEY: "" };
  await assert.rejects(startGateways(1, unusable), ({ message }: Error) => {
    assert.match(message, /API_KEY_ENCRYPTION_KEY .*make one with: /);
    assert.match(message, /OPENROUTER_PROVISIONING_KEY/);
    assert.ok(!message.includes("change-me"));
    return true;
  });
});
