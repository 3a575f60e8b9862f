import assert from "node:assert/strict";
import { isAlias, isPresetName, isRouter } from "./model_names.ts";

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
