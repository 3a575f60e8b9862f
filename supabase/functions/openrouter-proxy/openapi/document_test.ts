import assert from "node:assert/strict";
import { STATUS } from "../errors.ts";
import { CALLS } from "../policy/calls.ts";
import { FREE_POSTS, READS } from "../policy/endpoints.ts";
import { components, DOCUMENT, type Json, resolve, TEXT } from "../testing/api_document.ts";
import { VERSION } from "../version.ts";
import { openApiDocument } from "./document.ts";

Deno.test("every error type of the gateway is described, and some operation answers with it", () => {
  for (const [type, status] of Object.entries(STATUS)) {
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

Deno.test("headers, parameters, responses and ways to authenticate are described", () => {
  for (const kind of ["headers", "responses", "securitySchemes"]) {
    for (const [name, { description }] of components(kind)) assert.ok(description, name);
  }
  JSON.parse(TEXT, (_, value) => {
    if (value?.in) assert.ok(value.description, value.name);
    return value;
  });
});

Deno.test("the document says where the gateway is, and what version", () => {
  assert.deepEqual(DOCUMENT.servers, [{ url: "https://g.example/f" }]);
  assert.equal(DOCUMENT.info.version, "1.2.3");
});

Deno.test("docs/openapi.json is the document: deno task openapi writes it", async () => {
  const url = new URL("../../../../docs/openapi.json", import.meta.url);
  const written: Json = JSON.parse(await Deno.readTextFile(url));
  const [{ url: server }] = written.servers;
  assert.match(server, /\/functions\/v1\/openrouter-proxy$/);
  assert.deepEqual(
    written,
    JSON.parse(JSON.stringify(openApiDocument({ version: VERSION, server }))),
  );
});
