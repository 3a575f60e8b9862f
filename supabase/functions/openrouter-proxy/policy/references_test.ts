import assert from "node:assert/strict";
import { fusion, reached, read } from "../testing/shared_features.ts";

Deno.test("a long reference, and a long model, count as reaching what is shared", () => {
  assert.deepEqual(reached({ file_id: "x".repeat(10_000) }), ["file at file_id"]);
  assert.deepEqual(reached({ model: "x".repeat(10_000) }), ["preset at model"]);
});

// Each reference was once held against each type, and kept a path as long as it is deep.
Deno.test("a body with references and types by the hundred thousand is read like any other", () => {
  const types = '"type":"x",'.repeat(120_000);
  const references = '"file_id":1,'.repeat(120_000);
  const deep = "n".repeat(100);
  const body = `${`{"${deep}":`.repeat(100)}{${types}${references}"x":1}${"}".repeat(100)}`;
  assert.deepEqual(reached(body), [`file at ${`${deep}.`.repeat(100)}file_id`]);
});

/** Every place of a request that somebody acts on. */
const PLACES: ((reference: Record<string, unknown>) => unknown)[] = [
  (reference) => reference,
  (reference) => ({ messages: [{ role: "user", content: [{ type: "file", ...reference }] }] }),
  (reference) => ({ messages: [{ role: "user", content: [{ file: reference }] }] }),
  (reference) => ({
    input: [{ type: "message", content: [{ type: "input_file", ...reference }] }],
  }),
  (reference) => ({ tools: [{ type: "code_interpreter", ...reference }] }),
  (reference) => fusion([{ type: "x", ...reference }]),
  (reference) => ({ fallbacks: [{ model: "m", ...reference }] }),
  (reference) => ({ plugins: [{ id: "x", config: reference }] }),
  (reference) => ({ "…": { [`${"n".repeat(200)}`]: [reference] } }),
];
const REFERENCES: [feature: string, name: string][] = [
  ["file", "file_id"],
  ["file", "file_ids"],
  ["file", "skill_id"],
  ["container", "container_id"],
  ["vector_store", "vector_store_id"],
  ["vector_store", "vector_store_ids"],
  ["preset", "preset"],
];
const escaped = (name: string) =>
  name.replaceAll(
    /./g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

Deno.test("a reference is found in every place, with any value, in any spelling, however often", () => {
  for (const [feature, name] of REFERENCES) {
    for (const place of PLACES) {
      for (const value of ["x", ["x"], [""], { id: "x" }, {}, 0, false]) {
        const plain = JSON.stringify(place({ [name]: value }), null, 1);
        const repeated = plain.replace(`"${name}": `, `"${name}": null, "${name}": `);
        for (const body of [plain, repeated, plain.replace(name, escaped(name))]) {
          assert.deepEqual(
            read(body).sharedFeatures.map((found) => found.feature),
            [feature],
            body,
          );
        }
      }
    }
  }
});
