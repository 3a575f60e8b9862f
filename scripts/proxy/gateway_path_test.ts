import assert from "node:assert/strict";
import document from "../../docs/openapi.json" with { type: "json" };
import { gatewayPath, OWN_ROUTES } from "./gateway_path.ts";

const CHAT = "/api/v1/openrouter/chat/completions";

for (
  const [target, path] of [
    ["/chat/completions", CHAT],
    ["/v1/chat/completions", CHAT],
    ["/v1/v1/chat/completions", CHAT],
    ["/api/v1/chat/completions", CHAT],
    ["/api/v1/openrouter/chat/completions", CHAT],
    ["/api/v1/openrouter/v1/messages?beta=true", "/api/v1/openrouter/messages?beta=true"],
    ["/v1/models/openai/gpt-4o?a=/v1/b", "/api/v1/openrouter/models/openai/gpt-4o?a=/v1/b"],
    ["/v1", "/api/v1/openrouter"],
    ["/v1x/y", "/api/v1/openrouter/v1x/y"],
    ["/api/v1/openrouters", "/api/v1/openrouter/openrouters"],
    ["/key", "/api/v1/openrouter/key"],
    ["/api/v1/usage", "/api/v1/usage"],
    ["/api/v1/usage/requests?limit=5", "/api/v1/usage/requests?limit=5"],
    ["/api/v1/limits", "/api/v1/limits"],
    ["/api/v1/health", "/api/v1/health"],
    ["/", "/"],
    ["/?deep=1", "/?deep=1"],
  ] as const
) {
  Deno.test(`gatewayPath takes ${target} to ${path}`, () => {
    assert.equal(gatewayPath(target), path);
  });
}

Deno.test("gatewayPath refuses targets that are no paths", () => {
  for (const target of ["http://evil.example/v1/x", "*", "", "evil.example:443"]) {
    assert.throws(() => gatewayPath(target), { type: "invalid_request" });
  }
});

Deno.test("gatewayPath refuses dot segments, in whatever spelling, and takes dots in names", () => {
  for (
    const target of [
      "/v1/../../rest/v1/x",
      "/v1/%2e%2E/x",
      "/v1/a/.%2e",
      "/v1/a%2f..%2fb",
      "/v1/a%5C..%5Cb",
      "/v1/a\\..\\b",
      "/./v1/x",
      "/api/v1/usage/..",
    ]
  ) {
    assert.throws(() => gatewayPath(target), { type: "invalid_request" }, target);
  }
  assert.equal(gatewayPath("/v1/models/a/b-1.5"), "/api/v1/openrouter/models/a/b-1.5");
  assert.equal(gatewayPath("/v1/models?q=../x"), "/api/v1/openrouter/models?q=../x");
});

Deno.test("every route of the gateway's own is told apart from OpenRouter's paths", () => {
  const routes = Object.keys(document.paths).flatMap((path) =>
    /^\/api\/v1\/([^/]+)/.exec(path)?.[1] ?? []
  );
  const own = new Set(routes.filter((route) => route !== "openrouter"));
  assert.deepEqual(OWN_ROUTES, [...own].toSorted());
});
