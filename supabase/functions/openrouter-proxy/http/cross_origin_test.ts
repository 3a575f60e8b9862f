import assert from "node:assert/strict";
import { Hono } from "hono";
import { crossOrigin } from "./cross_origin.ts";

const ORIGIN = "https://app.example";

function app(origins: "*" | string[]) {
  const hono = new Hono();
  hono.use(crossOrigin(origins));
  hono.all(
    "/",
    () => new Response("x", { headers: { "access-control-allow-origin": "upstream" } }),
  );
  return hono;
}

async function preflight(origins: "*" | string[], requestHeaders: string, origin = ORIGIN) {
  return await app(origins).request("http://gateway.example/", {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": requestHeaders,
    },
  });
}

function list(response: Response, name: string): string[] {
  return (response.headers.get(name) ?? "").toLowerCase().split(",").map((item) => item.trim());
}

Deno.test("a preflight allows the methods and headers of protocol.md", async () => {
  const response = await preflight("*", "x-did");
  assert.equal(response.status, 204);
  assert.equal(await response.text(), "");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.deepEqual(
    list(response, "access-control-allow-methods"),
    ["get", "head", "post", "put", "patch", "delete"],
  );
  const allowed = list(response, "access-control-allow-headers");
  for (
    const name of [
      "authorization",
      "content-type",
      "apikey",
      "x-client-info",
      "x-did",
      "x-did-timestamp",
      "x-did-signature",
      "x-did-nonce",
    ]
  ) assert.ok(allowed.includes(name), name);
});

Deno.test("a preflight allows whatever the SDKs and OpenRouter name their headers, and no others", async () => {
  const allowed = list(
    await preflight("*", "X-Stainless-Retry-Count, x-openrouter-title,x-evil, x-stainless-\u00e9"),
    "access-control-allow-headers",
  );
  assert.ok(allowed.includes("x-stainless-retry-count"));
  assert.ok(allowed.includes("x-openrouter-title"));
  assert.ok(!allowed.some((name) => name.includes("evil") || name.includes("\u00e9")));
});

Deno.test("an answer exposes what clients read, and has one allowed origin whatever OpenRouter sent", async () => {
  const response = await app("*").request("http://gateway.example/", {
    headers: { origin: ORIGIN },
  });
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.deepEqual(
    list(response, "access-control-expose-headers"),
    [
      "x-request-id",
      "x-generation-id",
      "server-timing",
      "retry-after",
      "ratelimit-limit",
      "ratelimit-remaining",
      "ratelimit-reset",
      "x-budget-remaining-usd",
      "x-should-retry",
    ],
  );
});

Deno.test("only the listed origins may call", async () => {
  const origins = [ORIGIN, "https://other.example"];
  const allowed = await preflight(origins, "x-did");
  assert.equal(allowed.headers.get("access-control-allow-origin"), ORIGIN);
  for (const origin of ["https://evil.example", `${ORIGIN}.evil.example`, "null"]) {
    const refused = await preflight(origins, "x-did", origin);
    assert.equal(refused.headers.get("access-control-allow-origin"), null, origin);
  }
});
