import assert from "node:assert/strict";
import { type Bench, chat, withSimulator } from "./testing.ts";

async function answering({ call }: Bench, members: object, path = "/chat/completions") {
  const { model: _, ...body } = chat(1);
  return await (await call(path, { ...body, ...members })).json();
}

Deno.test("what names no model, or another name for one, is served all the same", () =>
  withSimulator(async (bench) => {
    const preset = { slug: "mine", config: { model: "openai/gpt-4o" } };
    await (await bench.call("/presets", preset)).body?.cancel();
    for (
      const [members, model] of [
        [{}, "openai/gpt-4o-mini"],
        [{ model: null }, "openai/gpt-4o-mini"],
        [{ model: "~anthropic/claude-sonnet-latest" }, "anthropic/claude-sonnet-5"],
        [{ preset: "mine" }, "openai/gpt-4o"],
        [{ model: "@preset/mine" }, "openai/gpt-4o"],
        [{ model: "openai/gpt-3.5-turbo@preset/mine" }, "openai/gpt-3.5-turbo"],
      ] as const
    ) assert.equal((await answering(bench, members)).model, model, JSON.stringify(members));
    for (const model of ["", "~openai/x-latest", "@preset/yours"]) {
      assert.equal((await answering(bench, { model })).error.code, 400, model);
    }
  }));

Deno.test("fallbacks are models by name, or objects with one", () =>
  withSimulator(async (bench) => {
    const { manage, hash } = bench;
    const guardrail = { name: "house", allowed_models: ["openai/gpt-4o"] };
    const { data } = await (await manage("POST", "/guardrails", guardrail)).json();
    const assigned = { key_hashes: [hash] };
    await (await manage("POST", `/guardrails/${data.id}/assignments/keys`, assigned)).text();
    for (const fallback of ["openai/gpt-4o", { model: "openai/gpt-4o", max_tokens: 1 }]) {
      const members = { model: "openai/gpt-4o-mini", fallbacks: [fallback], max_tokens: 9 };
      assert.equal((await answering(bench, members, "/messages")).model, "openai/gpt-4o");
    }
  }));
