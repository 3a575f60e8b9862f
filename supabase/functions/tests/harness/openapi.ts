/** The gateway's OpenAPI document, and whether answers are as it says. */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

// deno-lint-ignore no-explicit-any
type Json = any;

export interface Contract {
  document: Json;
  /** Whether the document has this operation. */
  has(method: string, path: string): boolean;
  /**
   * Asserts that an answer is one that the document describes: its status, its headers, its body.
   *
   * @param path as the document writes it, e.g. `/api/v1/usage/requests/{id}`
   * @returns the body
   */
  assertDescribed(method: string, path: string, response: Response): Promise<Json>;
}

/** Reads the document as anybody may. */
export async function readContract(gatewayUrl: string): Promise<Contract> {
  const response = await fetch(`${gatewayUrl}/api/v1/openapi.json`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  const document: Json = await response.json();
  // Keywords of OpenAPI's own are around the schemas, not in them.
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, "openapi");

  function pointer(...names: string[]) {
    return `openapi#/${
      names.map((name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1")))
        .join("/")
    }`;
  }

  function check(reference: string, value: unknown, what: string) {
    const isValid = ajv.validate({ $ref: reference }, value);
    assert.ok(isValid, `${what}: ${ajv.errorsText()} in ${JSON.stringify(value)}`);
  }

  const operation = (method: string, path: string) => document.paths[path]?.[method.toLowerCase()];

  return {
    document,
    has: (method, path) => operation(method, path) !== undefined,
    async assertDescribed(method, path, response) {
      const { status, headers } = response;
      const text = await response.text();
      const what = `${status} of ${method} ${path}`;
      const { responses } = operation(method, path);
      const reference = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
      assert.ok(reference, `${what} is not described: ${text}`);
      const name = reference.$ref.split("/").at(-1);
      const described = document.components.responses[name];
      for (const header of Object.keys(described.headers)) {
        const { required = false, schema } = document.components.headers[header];
        const value = headers.get(header);
        assert.ok(value !== null || !required, `${what} lacks ${header}`);
        const typed = schema.type === "integer" ? Number(value) : value;
        if (value !== null) {
          check(pointer("components", "headers", header, "schema"), typed, header);
        }
      }
      const [type = ""] = (headers.get("content-type") ?? "").split(";");
      const mediaType = type in described.content ? type : "*/*";
      assert.ok(described.content[mediaType], `${what} is not described as ${type}`);
      if (type !== "application/json") return text;
      const schema = pointer("components", "responses", name, "content", mediaType, "schema");
      const body = JSON.parse(text);
      check(schema, body, what);
      return body;
    },
  };
}
