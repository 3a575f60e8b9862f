import assert from "node:assert/strict";
import { inMode, isAlias, isPresetName, isRouter, withAuthor } from "./model_names.ts";

const NAMES: [tells: (name: string) => boolean, name: string, isOne: boolean][] = [
  [isAlias, "~anthropic/claude-latest", true],
  [isAlias, " ~anthropic/claude-latest", true],
  [isAlias, "anthropic/~claude-latest", false],
  [isRouter, "openrouter/auto", true],
  [isRouter, " OpenRouter/Auto", true],
  [isRouter, "my/openrouter/auto", false],
  [isRouter, "openrouters/auto", false],
  [isPresetName, "@preset/mine", true],
  [isPresetName, "openai/gpt-4o@Preset/mine", true],
  [isPresetName, "openai/preset", false],
];

for (const [tells, name, isOne] of NAMES) {
  Deno.test(`${tells.name}("${name}") is ${isOne}`, () => assert.equal(tells(name), isOne));
}

Deno.test("a name without an author gets the one that is meant, and an alias stays one", () => {
  assert.equal(withAuthor("jev-1.13", "typesafe"), "typesafe/jev-1.13");
  assert.equal(withAuthor("jev-latest", "typesafe"), "~typesafe/jev-latest");
  assert.equal(withAuthor("jev-latest-1", "typesafe"), "typesafe/jev-latest-1");
  assert.equal(withAuthor("a/b-latest", "typesafe"), "a/b-latest");
  assert.equal(withAuthor("jev-latest", null), "jev-latest");
});

Deno.test("a mode stands behind a model's name, and before its variants", () => {
  assert.equal(inMode("a/b", "pro"), "a/b-pro");
  assert.equal(inMode(" a/b : nitro\n:free", "pro"), "a/b-pro: nitro\n:free");
  assert.equal(inMode(":nitro", "pro"), "-pro:nitro");
  assert.equal(inMode("\na/b\n", "pro"), "a/b-pro");
});
