import assert from "node:assert/strict";
import { CATALOGUE } from "../testing/listed_models.ts";
import { listedUnder } from "./variants.ts";

/** A model's name → the entry that holds for it; null: none does. */
const NAMES: [name: string, id: string | null, isNitro?: boolean][] = [
  ["a/plain", "a/plain"],
  ["A/Plain", "a/plain"],
  ["a/plain:free", "a/plain:free"],
  ["a/plain:online", "a/plain"],
  ["a/plain:Thinking:online", "a/plain"],
  ["a/plain:nitro", "a/plain", true],
  ["a/plain:nitro:online", "a/plain", true],
  ["a/plain:online:NITRO", "a/plain", true],
  ["a/plain:free:online", "a/plain:free"],
  ["a/cheap:free", null],
  ["a/plain:", null],
  ["a/plain:unheard-of", null],
  ["a/unlisted:nitro", null],
  [":nitro", null],
];

for (const [name, id, isNitro = false] of NAMES) {
  Deno.test(`${name} has the prices of ${id}${isNitro ? ", of any provider" : ""}`, () => {
    const listed = listedUnder(name, CATALOGUE.find);
    assert.deepEqual(
      listed && [listed.model.id, listed.isNitro],
      id === null ? null : [id, isNitro],
    );
  });
}
