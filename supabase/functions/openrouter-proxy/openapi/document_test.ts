import assert from "node:assert/strict";
import { STATUS } from "../errors.ts";
import { CALLS } from "../policy/calls.ts";
import { FREE_POSTS, READS } from "../policy/endpoints.ts";
import { openApiDocument } from "./document.ts";
import { WHEN } from "./error_responses.ts";

const TEXT = JSON.stringify(openApiDocument({ version: "1.2.3", server: "https://g.example/f" }));
// deno-lint-ignore no-explicit-any
const DOCUMENT: any = JSON.parse(TEXT);

/** What a reference within the document refers to. */
function resolve(reference: string) {
  return reference.split("/").slice(1).reduce((value, name) => value?.[name], DOCUMENT);
}

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

Deno.test("a schema that lists members or items says what type it is", () => {
  const untyped: string[] = [];
  JSON.parse(JSON.stringify(DOCUMENT.components.schemas), (name, value) => {
    if (typeof value !== "object" || value === null || name === "properties") return value;
    const types = [value.type].flat();
    const isObject = "properties" in value || "additionalProperties" in value;
    if (isObject && !types.includes("object")) untyped.push(name);
    if ("items" in value && !types.includes("array")) untyped.push(name);
    return value;
  });
  assert.deepEqual(untyped, []);
});

Deno.test("calls of OpenRouter need a JSON object as their body, and reads take none", () => {
  for (const path of Object.keys(CALLS)) {
    const { requestBody } = DOCUMENT.paths[`/api/v1/openrouter${path}`].post;
    assert.equal(requestBody.required, true, path);
    assert.deepEqual(requestBody.content["application/json"], { schema: { type: "object" } }, path);
  }
  // deno-lint-ignore no-explicit-any
  for (const { get } of Object.values<any>(DOCUMENT.paths)) {
    assert.equal(get?.requestBody, undefined);
  }
});

Deno.test("operations have ids of their own, a summary, and say who may ask", () => {
  const ids = new Set<string>();
  // deno-lint-ignore no-explicit-any
  for (const [path, item] of Object.entries<Record<string, any>>(DOCUMENT.paths)) {
    for (const { operationId, summary, security } of Object.values(item)) {
      assert.ok(!ids.has(operationId), operationId);
      ids.add(operationId);
      assert.ok(summary, path);
      for (const requirement of security) {
        for (const scheme of Object.keys(requirement)) {
          assert.ok(DOCUMENT.components.securitySchemes[scheme], scheme);
        }
      }
    }
  }
});

Deno.test("the document says where the gateway is, and what version", () => {
  assert.deepEqual(DOCUMENT.servers, [{ url: "https://g.example/f" }]);
  assert.equal(DOCUMENT.info.version, "1.2.3");
});
