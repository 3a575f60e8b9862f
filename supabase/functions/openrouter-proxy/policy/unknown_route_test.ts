import assert from "node:assert/strict";
import { nearestPath, withoutBase } from "./nearest_path.ts";
import { unknownRoute } from "./unknown_route.ts";

const ROUTES = [
  "/",
  "/api/v1/health",
  "/api/v1/usage",
  "/api/v1/limits",
  "/api/v1/openapi.json",
  "/api/v1/openrouter/*",
];
const PROXY = "/api/v1/openrouter";
const CHAT = `${PROXY}/chat/completions`;

for (
  const [method, path, meant] of [
    // Base URLs that people type.
    ["POST", "/chat/completions", CHAT],
    ["POST", "/v1/chat/completions", CHAT],
    ["POST", "/api/chat/completions", CHAT],
    ["POST", "/api/v1/chat/completions", CHAT],
    ["POST", "/openrouter/chat/completions", CHAT],
    ["POST", "/api/v2/openrouter/chat/completions", CHAT],
    ["POST", "/api/v1/openai/v1/chat/completions", CHAT],
    ["POST", "/proxy/of/mine/chat/completions/", CHAT],
    ["GET", "/a/gateway/of/our/own/company/key", `${PROXY}/key`],
    ["POST", "/API/V1/Chat/Completions", CHAT],
    ["GET", "/chat/completions", CHAT],
    ["GET", "/api/v1/openrouter", CHAT],
    ["GET", "/api/v1/openrouter/", CHAT],
    ["GET", "/v1", CHAT],
    ["POST", "/v1/chat", CHAT],
    ["POST", "/v1/threads", CHAT],
    ["POST", "/v1/completions", `${PROXY}/completions`],
    ["POST", "/v1/messages", `${PROXY}/messages`],
    ["POST", "/v1/message", `${PROXY}/messages`],
    ["POST", "/api/v1/v1/messages", `${PROXY}/messages`],
    ["POST", "/v1/messages/count_tokens", `${PROXY}/messages/count_tokens`],
    ["POST", "/openai/v1/responses", `${PROXY}/responses`],
    ["POST", "/v1/images/generations", `${PROXY}/images`],
    ["GET", "/v1/models/openai/gpt-4o-mini", `${PROXY}/models`],
    ["GET", "/api/models/openai%2Fgpt-4o-mini", `${PROXY}/models`],
    ["GET", "/v1/responses/resp_1", `${PROXY}/responses`],
    ["GET", "/v1/models", `${PROXY}/models`],
    ["GET", "/api/v1/key", `${PROXY}/key`],
    ["GET", "/v1/generation", `${PROXY}/generation?id=…`],
    // Routes of the gateway's own.
    ["GET", "/usage", "/api/v1/usage"],
    ["GET", "/v1/limits", "/api/v1/limits"],
    ["GET", "/api/v1/healthy", "/api/v1/health"],
    ["GET", "/api/v1/Health/", "/api/v1/health"],
    ["POST", "/api/v1/usages", "/api/v1/usage"],
    ["GET", "/api/v1/openapi", "/api/v1/openapi.json"],
    ["GET", "/openapi/", "/api/v1/openapi.json"],
    ["GET", "/api/v1/limits.json", "/api/v1/limits"],
    ["GET", "/v1/models.json", `${PROXY}/models`],
  ] as const
) {
  Deno.test(`${method} ${path} is told of ${meant}`, () => {
    const error = unknownRoute(method, path, ROUTES);
    assert.equal(error.type, "not_found");
    assert.equal(
      error.message,
      `${path} is no route of the gateway; did you mean ${meant}?`,
    );
  });
}

Deno.test("of a long path 200 characters are looked at", () => {
  assert.equal(withoutBase(`/api/${"x".repeat(300)}`), `/${"x".repeat(195)}`);
});

Deno.test("a base is what a path begins with, not what stands in it", () => {
  for (
    const [path, bare] of [
      ["/api/v1/openrouter/models/openai/gpt-4o", "/models/openai/gpt-4o"],
      ["/models/openai", "/models/openai"],
      ["/proxy/v1/chat", "/proxy/v1/chat"],
      ["/v1beta/models", "/v1beta/models"],
    ] as const
  ) assert.equal(withoutBase(path), bare);
});

Deno.test("of a path of any length no more is compared than a path has that is meant", () => {
  const long = "/x".repeat(1_000_000);
  assert.equal(withoutBase(long), long.slice(0, 200));
  assert.match(unknownRoute("GET", long, ROUTES).message, /; did you mean \/api\/v1\/\S+\?$/);
});

Deno.test("a path that resembles none was meant for none", () => {
  const paths = ["/chat/completions", "/rerank", "/generation?id=…"];
  for (const path of ["/threads", "/moderations", "/", ""]) {
    assert.equal(nearestPath(path, paths), null);
  }
  assert.equal(nearestPath("/reranks", paths), "/rerank");
  assert.equal(nearestPath("/generations", paths), "/generation?id=…");
});

Deno.test("of several paths that one ends or begins with, the longest is meant", () => {
  const paths = ["/chat", "/chat/completions", "/completions"];
  for (const list of [paths, paths.toReversed()]) {
    assert.equal(nearestPath("/x/chat/completions", list), "/chat/completions");
    assert.equal(nearestPath("/chat/completions/x", list), "/chat/completions");
    assert.equal(nearestPath("/CHAT/x", list), "/chat");
  }
});
