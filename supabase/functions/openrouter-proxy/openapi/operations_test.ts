/** What the OpenAPI document says of requests, and of the errors that they are answered with. */
import assert from "node:assert/strict";
import { NO_BYTES } from "../bytes/encodings.ts";
import { idempotencyOf } from "../call/idempotency.ts";
import { originOf } from "../call/origin.ts";
import { CALLS } from "../policy/calls.ts";
import { DOCUMENT, type Json, operations, resolve } from "../testing/api_document.ts";

Deno.test("a path has the parameters that stand in it, and a call the headers that it takes", () => {
  const calls = Object.keys(CALLS).map((path) => `/api/v1/openrouter${path}`);
  for (const { path, method, parameters = [] } of operations()) {
    const named = (place: string) =>
      parameters.filter((parameter: { in: string }) => parameter.in === place);
    assert.deepEqual(
      named("path").map(({ name, required }: Json) => [name, required]),
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, true]),
      path,
    );
    assert.deepEqual(
      named("header").map(({ name }: Json) => name),
      method === "post" && calls.includes(path)
        ? ["idempotency-key", "x-session-id", "x-label"]
        : [],
      path,
    );
  }
});

Deno.test("a call's headers may be as long as they are described, and no longer", async () => {
  const { parameters } = DOCUMENT.paths["/api/v1/openrouter/chat/completions"].post;
  const read: Record<string, (headers: Headers) => unknown> = {
    "idempotency-key": (headers) => idempotencyOf(headers, "/chat/completions", NO_BYTES),
    "x-session-id": (headers) => originOf(headers, null),
    "x-label": (headers) => originOf(headers, null),
  };
  for (const { name, schema: { minLength = 0, maxLength } } of parameters) {
    const take = async (length: number) =>
      await read[name]!(new Headers([[name, "x".repeat(length)]]));
    await take(maxLength);
    await assert.rejects(take(maxLength + 1), { type: "invalid_request" }, name);
    if (minLength > 0) await assert.rejects(take(minLength - 1), { type: "invalid_request" }, name);
    else await take(0);
  }
});

const OF_ALL = ["invalid_request", "method_not_allowed", "internal_error", "misconfigured"];
const OF_OPERATORS = [...OF_ALL, "missing_credentials", "store_unavailable"];
const OF_CALLERS = [
  ...OF_OPERATORS,
  "invalid_did",
  "unsupported_did_method",
  "invalid_signature",
  "expired_timestamp",
  "invalid_token",
  "expired_token",
  "did_unavailable",
  "request_too_large",
  "unsupported_media_type",
  "overloaded",
  "rate_limited",
];
const OF_ADMITTED = [...OF_CALLERS, "replayed_request", "access_denied"];

Deno.test("an operation answers with the errors of all that a request to it goes through", () => {
  for (const { path, tags, responses, security } of operations()) {
    const isForwarded = tags[0] === "openrouter";
    const expected = path.endsWith("/openapi.json")
      ? OF_ALL
      : security.length === 0
      ? [...OF_ALL, "store_unavailable"]
      : "operatorKey" in security[0]
      ? OF_OPERATORS
      : isForwarded || path.endsWith("/token")
      ? OF_ADMITTED
      : OF_CALLERS;
    const described = Object.values<Json>(responses).map(({ $ref }) => resolve($ref).description);
    for (const type of expected) assert.match(described.join(), new RegExp(`\`${type}\`: `), path);
    const passing = ["2XX", "4XX", "5XX"].filter((status) => status in responses);
    assert.equal(passing.length, isForwarded ? 3 : 0, path);
    for (const status of passing) {
      const types = Object.keys(resolve(responses[status].$ref).content);
      assert.ok(types.includes("application/json") && types.includes("*/*"), path);
    }
  }
});

Deno.test("a caller and the operator may authenticate in each way that docs/protocol.md tells of", () => {
  const waysOf = (path: string, method: string) =>
    DOCUMENT.paths[path][method].security.map((way: Record<string, unknown>) =>
      Object.keys(way).map((scheme) => {
        const { type, name, scheme: inAuthorization } = DOCUMENT.components.securitySchemes[scheme];
        return type === "http" ? inAuthorization : name;
      }).join(" ")
    );
  const byDid = [
    "x-did x-did-timestamp x-did-signature",
    "signature signature-input",
    "bearer",
    "x-api-key",
  ];
  assert.deepEqual(waysOf("/api/v1/usage", "get"), byDid);
  assert.deepEqual(waysOf("/api/v1/openrouter/chat/completions", "post"), byDid);
  assert.deepEqual(waysOf("/api/v1/maintenance", "post"), ["apikey", "bearer"]);
  assert.deepEqual(waysOf("/api/v1/health", "get"), []);
});

Deno.test("calls of OpenRouter need a JSON object as their body, and reads take none", () => {
  for (const path of Object.keys(CALLS)) {
    const { requestBody, responses } = DOCUMENT.paths[`/api/v1/openrouter${path}`].post;
    const { content } = resolve(responses["2XX"].$ref);
    assert.deepEqual(content["text/event-stream"], { schema: { type: "string" } }, path);
    assert.equal(requestBody.required, true, path);
    assert.deepEqual(requestBody.content["application/json"], { schema: { type: "object" } }, path);
  }
  for (const { get } of Object.values<Json>(DOCUMENT.paths)) {
    assert.equal(get?.requestBody, undefined);
  }
});

Deno.test("operations have ids of their own, a tag, a summary, and say who may ask", () => {
  const ids = new Set<string>();
  for (const { path, operationId, tags, summary, security } of operations()) {
    assert.equal(tags.length, 1, path);
    assert.ok(DOCUMENT.tags.some(({ name }: Json) => name === tags[0]), path);
    assert.ok(!ids.has(operationId), operationId);
    ids.add(operationId);
    assert.ok(summary, path);
    for (const requirement of security) {
      for (const scheme of Object.keys(requirement)) {
        assert.ok(DOCUMENT.components.securitySchemes[scheme], scheme);
      }
    }
  }
});
