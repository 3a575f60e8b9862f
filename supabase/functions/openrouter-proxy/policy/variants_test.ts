import assert from "node:assert/strict";
import { CATALOGUE } from "../testing/listed_models.ts";
import { listedUnder } from "./variants.ts";

/** A model's name → the entry that holds for it; null: none does. */
const NAMES: [name: string, id: string | null, whose?: "nitro" | "exacto" | "both"][] = [
  ["a/plain", "a/plain"],
  ["A/Plain", "a/plain"],
  ["a/plain:free", "a/plain:free"],
  ["a/plain:online", "a/plain"],
  ["a/plain:Thinking:online", "a/plain"],
  ["a/plain:nitro", "a/plain", "nitro"],
  ["a/plain:nitro:online", "a/plain", "nitro"],
  ["a/plain:online:NITRO", "a/plain", "nitro"],
  ["a/plain:exacto", "a/plain", "exacto"],
  ["a/plain:Exacto:online", "a/plain", "exacto"],
  ["a/plain:exacto:nitro", "a/plain", "both"],
  ["a/plain:free:online", "a/plain:free"],
  ["a/cheap:free", null],
  ["a/plain:", null],
  ["a/plain:unheard-of", null],
  ["a/unlisted:nitro", null],
  [":nitro", null],
];

for (const [name, id, whose = ""] of NAMES) {
  Deno.test(`${name} has the prices of ${id}${whose === "" ? "" : ", of any provider"}`, () => {
    const listed = listedUnder(name, CATALOGUE.find);
    assert.deepEqual(
      listed && [listed.model.id, listed.isNitro, listed.isExacto],
      id === null
        ? null
        : [id, whose === "nitro" || whose === "both", whose === "exacto" || whose === "both"],
    );
  });
}
