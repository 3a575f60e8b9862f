import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import { createOpenApi } from "./openapi_route.ts";

/** What the route of a gateway with this audience answers. */
async function answered(audience: string, search = "") {
  const app = new Hono();
  app.get("/openapi.json", createOpenApi(audience));
  app.onError((error) => errorResponse(error, "id"));
  return await app.request(`http://edge/openapi.json${search}`);
}

Deno.test("the document leads to the gateway: by its audience, or from where it was read", async () => {
  for (
    const [audience, url] of [
      ["https://ref.supabase.co/functions/v1/openrouter-proxy", null],
      ["http://127.0.0.1:54321/functions/v1/openrouter-proxy", null],
      ["my-gateway", "../.."],
    ] as const
  ) {
    const { openapi, servers } = await (await answered(audience)).json();
    assert.equal(openapi, "3.1.0");
    assert.deepEqual(servers, [{ url: url ?? audience }]);
  }
  const read = "https://ref.supabase.co/functions/v1/openrouter-proxy/api/v1/openapi.json";
  assert.equal(
    new URL("../..", read).href,
    "https://ref.supabase.co/functions/v1/openrouter-proxy/",
  );
});

Deno.test("the document may be kept for some minutes, by anybody, and a refusal may not", async () => {
  const { headers } = await answered("https://g.example/f");
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("cache-control"), "public, max-age=300");
  const refused = await answered("https://g.example/f", "?version=2");
  assert.equal((await refused.json()).error.param, "version");
  assert.equal(refused.headers.get("cache-control"), null);
});
