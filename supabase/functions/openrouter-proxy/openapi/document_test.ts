import assert from "node:assert/strict";
import { STATUS } from "../errors.ts";
import { CALLS } from "../policy/calls.ts";
import { FREE_POSTS, READS } from "../policy/endpoints.ts";
import { openApiDocument } from "./document.ts";
import { WHEN } from "./error_responses.ts";

const TEXT = JSON.stringify(openApiDocument({ version: "1.2.3", server: "https://g.example/f" }));
// deno-lint-ignore no-explicit-any
type Json = any;
const DOCUMENT: Json = JSON.parse(TEXT);

/** What a reference within the document refers to. */
function resolve(reference: string) {
  return reference.split("/").slice(1).reduce((value, name) => value?.[name], DOCUMENT);
}

const components = (kind: string) => Object.entries<Json>(DOCUMENT.components[kind]);

/** All operations, with their paths and methods. */
const operations = () =>
  Object.entries<Record<string, Json>>(DOCUMENT.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation }))
  );

Deno.test("every error type of the gateway is described, and some operation answers with it", () => {
  for (const [type, status] of Object.entries(STATUS)) {
    assert.ok(WHEN[type], type);
    const names = Object.entries(DOCUMENT.components.responses).filter(([name, response]) =>
      name.startsWith(`${status}-`) && JSON.stringify(response).includes(`"${type}"`)
    );
    assert.ok(names.length > 0, type);
  }
});

Deno.test("every open path of OpenRouter's API is described, with its method", () => {
  const { paths } = DOCUMENT;
  for (const path of [...Object.keys(CALLS), ...Object.keys(FREE_POSTS)]) {
    assert.ok(paths[`/api/v1/openrouter${path}`]?.post, path);
  }
  for (const path of Object.keys(READS)) {
    assert.ok(paths[`/api/v1/openrouter${path.replace("*", "{path}")}`]?.get, path);
  }
});

Deno.test("what belongs to a caller can be read as docs/openrouter.md tells", () => {
  for (const path of ["/generation", "/videos/{id}", "/videos/{id}/content"]) {
    assert.ok(DOCUMENT.paths[`/api/v1/openrouter${path}`]?.get, path);
  }
});

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

Deno.test("a group has a member for each name that group_by takes, and sums are always there", () => {
  const { schemas } = DOCUMENT.components;
  const { schema } = DOCUMENT.paths["/api/v1/usage"].get.parameters.find(({ name }: Json) =>
    name === "group_by"
  );
  const groups = ["day", "hour", "model", "endpoint", "session", "label"];
  for (const name of groups) assert.ok(schemas.UsageGroup.properties[name], name);
  for (const asked of ["", ...groups, groups.join()]) {
    assert.match(asked, new RegExp(schema.pattern));
  }
  for (const asked of ["did", "day,", "day model"]) {
    assert.doesNotMatch(asked, new RegExp(schema.pattern));
  }
  const { partial_before: _, ...always } = schemas.Usage.properties;
  assert.deepEqual(schemas.Usage.required.toSorted(), Object.keys(always).toSorted());
});

Deno.test("every route that docs/protocol.md lists is described", async () => {
  const url = new URL("../../../../docs/protocol.md", import.meta.url);
  const table = (await Deno.readTextFile(url)).split("## Routes")[1]!.split("### Health")[0]!;
  const routes = [...table.matchAll(/`(GET|POST) (\/[^`*]*)`/g)];
  assert.ok(routes.length >= 7);
  for (const [, method, path] of routes) {
    assert.ok(DOCUMENT.paths[path!]?.[method!.toLowerCase()], `${method} ${path}`);
  }
});

Deno.test("every route of the gateway's own is described", async () => {
  const source = await Deno.readTextFile(new URL("../gateway.ts", import.meta.url));
  const routes = [...source.matchAll(/^ {2}route\(\["([A-Z]+)"\], "([^"]+)"/gm)];
  assert.ok(routes.length >= 9);
  for (const [, method, path] of routes) {
    const described = DOCUMENT.paths[path!.replaceAll(/:(\w+)/g, "{$1}")];
    assert.ok(described?.[method!.toLowerCase()], `${method} ${path}`);
  }
});

Deno.test("every reference leads somewhere, and every component is referred to", () => {
  const references = new Set(
    [...TEXT.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!),
  );
  for (const reference of references) assert.ok(resolve(reference), reference);
  for (const kind of ["schemas", "responses", "headers"]) {
    for (const name of Object.keys(DOCUMENT.components[kind])) {
      assert.ok(references.has(`#/components/${kind}/${name}`), `${kind}/${name}`);
    }
  }
});

/** What a schema may say of values of one type alone. */
const OF_TYPES: Record<string, string[]> = {
  object: ["properties", "additionalProperties", "required"],
  array: ["items"],
  string: ["pattern", "format", "minLength", "maxLength"],
  "number integer": ["minimum", "maximum"],
};

Deno.test("a schema that says something of one type says that type", () => {
  const { schemas, headers } = DOCUMENT.components;
  JSON.parse(JSON.stringify([schemas, headers]), (name, value) => {
    if (typeof value !== "object" || value === null || name === "properties") return value;
    // A header, not a schema.
    if ("schema" in value) return value;
    const types = [value.type].flat();
    for (const [wanted, keywords] of Object.entries(OF_TYPES)) {
      if (!keywords.some((keyword) => keyword in value)) continue;
      assert.ok(wanted.split(" ").some((type) => types.includes(type)), JSON.stringify(value));
    }
    return value;
  });
});

Deno.test("a member, a header and a parameter say what their values are", () => {
  const says = (schema: Record<string, unknown>) =>
    ["type", "const", "enum", "$ref"].some((keyword) => schema?.[keyword] !== undefined);
  JSON.parse(TEXT, (name, value) => {
    if (typeof value !== "object" || value === null) return value;
    if (name === "properties") {
      for (const [member, schema] of Object.entries<Record<string, unknown>>(value)) {
        // OpenRouter's errors have many shapes.
        if (member !== "error" && member !== "success") assert.ok(says(schema), member);
      }
    }
    if (value.in === "query" || value.in === "path") assert.ok(says(value.schema), value.name);
    return value;
  });
  for (const [name, { schema }] of components("headers")) assert.ok(says(schema), name);
});

Deno.test("headers, parameters, responses and ways to authenticate are described", () => {
  for (const kind of ["headers", "responses", "securitySchemes"]) {
    for (const [name, { description }] of components(kind)) assert.ok(description, name);
  }
  JSON.parse(TEXT, (_, value) => {
    if (value?.in) assert.ok(value.description, value.name);
    return value;
  });
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

Deno.test("an answer that docs/protocol.md shows has the members that are described", async () => {
  const url = new URL("../../../../docs/protocol.md", import.meta.url);
  const shown = [...(await Deno.readTextFile(url)).matchAll(/^```json\n([\s\S]*?)^```$/gm)]
    .map(([, json]) => JSON.parse(json!)).filter((answer) => "success" in answer);
  const described = {
    Health: "status",
    Usage: "total_requests",
    LoggedRequests: "requests",
    Limits: "budgets",
    SupabaseToken: "token",
    Maintenance: "jobs",
    EncryptionKeys: "current",
  };
  for (const [name, member] of Object.entries(described)) {
    const answer = shown.find(({ data }) => data && member in data);
    assertMembers(answer.data, resolve(`#/components/schemas/${name}`), name);
  }
  const { error } = resolve("#/components/schemas/Error").properties;
  assertMembers(shown.find(({ success }) => !success).error, error, "Error");
  for (const member of OF_BUDGET_EXCEEDED) assert.ok(error.properties[member], member);
});

const OF_BUDGET_EXCEEDED = [
  "scope",
  "period",
  "limit_usd",
  "spent_usd",
  "reserved_usd",
  "estimate_usd",
  "resets_at",
];

Deno.test("a member that is one of a few values may be each that Postgres and the gateway have", () => {
  const { Health, LoggedRequest, Limits, Maintenance, Error } = DOCUMENT.components.schemas;
  const [budget, rate] = [Limits.properties.budgets, Limits.properties.rates]
    .map(({ items }) => items.properties);
  const { error } = Error.properties;
  for (
    const [schema, values] of [
      [Health.properties.status, ["healthy", "degraded"]],
      [Health.properties.management_key, ["accepted", "refused", "unknown"]],
      [LoggedRequest.properties.status, ["pending", "completed", "failed"]],
      [LoggedRequest.properties.cost_source, ["response", "generation", "reconciliation", null]],
      [Limits.properties.access, ["allowed", "not_allowed", "blocked"]],
      [budget.scope, ["did", "gateway"]],
      [budget.period, ["day", "month"]],
      [budget.alerts.items.properties.threshold, [50, 80, 100]],
      [rate.scope, ["did", "gateway"]],
      [Maintenance.properties.jobs.additionalProperties.properties.stopped, [
        "out_of_time",
        "enough_for_one_run",
        "openrouter_is_busy",
        "openrouter_is_down",
      ]],
      [error.properties.scope, ["did", "gateway", "free_models"]],
      [error.properties.period, ["day", "month"]],
      [error.properties.type, Object.keys(STATUS)],
    ]
  ) assert.deepEqual(schema.enum, values);
});

/** Asserts that a value has all members that its schema requires, and none that it lacks. */
function assertMembers(value: Json, schema: Json, path: string): void {
  if (schema.$ref) return assertMembers(value, resolve(schema.$ref), path);
  if (Array.isArray(value)) {
    for (const item of value) assertMembers(item, schema.items, `${path}[]`);
  } else if (typeof value === "object" && value !== null) {
    const { properties = {}, required = [], additionalProperties } = schema;
    for (const name of required) assert.ok(name in value, `${path}.${name}`);
    for (const [name, member] of Object.entries(value)) {
      const described = properties[name] ?? additionalProperties;
      assert.ok(described, `${path}.${name}`);
      assertMembers(member, described, `${path}.${name}`);
    }
  }
}

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

Deno.test("the document says where the gateway is, and what version", () => {
  assert.deepEqual(DOCUMENT.servers, [{ url: "https://g.example/f" }]);
  assert.equal(DOCUMENT.info.version, "1.2.3");
});
