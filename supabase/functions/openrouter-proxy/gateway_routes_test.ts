import assert from "node:assert/strict";
import { OWN_PATHS } from "./openapi/own_paths.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { CHAT, errorOf, gatewayWith, requestFrom } from "./testing/gateways.ts";

test("known routes with another method answer 405 with Allow, unknown ones 404", async () => {
  const gateway = await gatewayWith();
  const wrong = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/api/v1/usage", { method: "POST" }),
  );
  assert.equal(wrong.headers.get("allow"), "GET, HEAD");
  const token = await gateway.fetch(new Request("http://edge/openrouter-proxy/api/v1/token"));
  assert.equal(token.headers.get("allow"), "POST");
  const { type, message } = await errorOf(wrong);
  assert.deepEqual([type, message], ["method_not_allowed", "POST is not for /api/v1/usage"]);
  const none = await gateway.fetch(
    new Request(`http://edge/openrouter-proxy${CHAT}?a\n=b`, { method: "PROPFIND" }),
  );
  assert.equal((await errorOf(none)).message, "PROPFIND is not for /api/v1/openrouter/*");
  assert.equal(none.headers.get("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE");
  for (const path of ["/v1/chat/completions", "/api/v1/openrouter", "/api/v1/openrouter/"]) {
    const unknown = await gateway.fetch(new Request(`http://edge/openrouter-proxy${path}`));
    const { type, message } = await errorOf(unknown);
    assert.equal(type, "not_found");
    assert.match(message, /did you mean \/api\/v1\/openrouter\/chat\/completions\?/);
  }
  const misspelt = await gateway.fetch(new Request("http://edge/openrouter-proxy/api/v1/usages"));
  assert.match((await errorOf(misspelt)).message, /did you mean \/api\/v1\/usage\?/);
});

for (
  const [method, path, taken] of [
    ["GET", "/", "deep"],
    ["GET", "/api/v1/health", "deep"],
    ["GET", "/api/v1/usage", "start_date, end_date, group_by, session, label"],
    ["GET", "/api/v1/usage/requests", "limit, cursor, session, label"],
    ["GET", "/api/v1/usage/requests/0191e0a4-0000-7000-8000-0123456789ab", "none"],
    ["GET", "/api/v1/limits", "none"],
    ["POST", "/api/v1/maintenance", "budget_seconds"],
  ] as const
) {
  test(`${method} ${path} refuses a parameter that it does not have, by name`, async () => {
    const gateway = await gatewayWith();
    const request = await requestFrom(gateway.signer, { method, path: `${path}?of=x`, body: "" });
    request.headers.set("apikey", "sb_secret_x");
    const { type, param, message } = await errorOf(await gateway.fetch(request));
    assert.deepEqual([type, param], ["invalid_request", "of"]);
    assert.equal(message, `of is no parameter of this route: it takes ${taken}`);
  });
}

test("the OpenAPI document has the query parameters that each route takes, and no others", async () => {
  const gateway = await gatewayWith();
  for (const [path, item] of Object.entries(OWN_PATHS)) {
    for (const [method, operation] of Object.entries(item)) {
      const { parameters = [] } = operation as { parameters?: { in: string; name: string }[] };
      const request = await requestFrom(gateway.signer, {
        method: method.toUpperCase(),
        path: `${path.replace("{id}", crypto.randomUUID())}?of=x`,
        body: "",
      });
      request.headers.set("apikey", "sb_secret_x");
      const response = await gateway.fetch(request);
      const { error } = await response.json();
      const described = parameters.filter((parameter) => parameter.in === "query")
        .map(({ name }) => name);
      const taken = described.join(", ") || "none";
      assert.equal(error?.message, `of is no parameter of this route: it takes ${taken}`, path);
    }
  }
});

test("health answers at the root with and without a slash, and to HEAD", async () => {
  const gateway = await gatewayWith();
  for (const path of ["", "/", "/api/v1/health", "/api/v1/health?deep=1"]) {
    const response = await gateway.fetch(new Request(`http://edge/openrouter-proxy${path}`));
    assert.equal((await response.json()).data.status, "healthy", path);
  }
  const head = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/", { method: "HEAD" }),
  );
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("HEAD is forwarded as HEAD and answered without a body", async () => {
  const gateway = await gatewayWith({ openrouter: () => new Response(null, { status: 200 }) });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, {
      method: "HEAD",
      path: "/api/v1/openrouter/models",
      body: "",
    }),
  );
  assert.equal(gateway.seen.forwarded[0]!.method, "HEAD");
  assert.deepEqual([response.status, await response.text()], [200, ""]);
});

test("errors carry CORS headers and what browsers may read of them", async () => {
  const gateway = await gatewayWith();
  const response = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/nowhere", { headers: { origin: "http://app.test" } }),
  );
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.match(response.headers.get("access-control-expose-headers")!, /x-request-id/);
  await response.body?.cancel();
});
