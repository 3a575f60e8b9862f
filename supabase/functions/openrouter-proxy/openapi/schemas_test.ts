/** What the OpenAPI document says of answers: docs/protocol.md, "Routes" and "Errors". */
import assert from "node:assert/strict";
import { STATUS } from "../errors.ts";
import { components, DOCUMENT, type Json, resolve, TEXT } from "../testing/api_document.ts";

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
  const { truncated: _, partial_before: __, ...always } = schemas.Usage.properties;
  assert.deepEqual(schemas.Usage.required.toSorted(), Object.keys(always).toSorted());
  const sums = Object.keys(schemas.UsageGroup.properties).filter((name) => !groups.includes(name));
  assert.deepEqual(schemas.UsageGroup.required.toSorted(), sums.toSorted());
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
