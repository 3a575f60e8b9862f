import assert from "node:assert/strict";
import { withSimulator } from "./testing.ts";

const PUBLIC = [
  "/models",
  "/models/count",
  "/model/openai/gpt-4o-mini",
  "/models/openai/gpt-4o-mini/endpoints",
  "/embeddings/models",
  "/images/models",
  "/images/models/google/gemini-2.5-flash-image/endpoints",
  "/videos/models",
  "/endpoints/zdr",
  "/providers",
  "/tools",
  "/tools/web_search",
];
const WITH_KEY = [
  "/models/user",
  "/benchmarks",
  "/datasets/rankings-daily",
  "/classifications/task",
];

for (const path of PUBLIC) {
  Deno.test(`GET ${path} needs no key`, () =>
    withSimulator(async ({ simulator }) => {
      const response = await fetch(simulator.url + path);
      assert.equal(response.status, 200);
      const { data, endpoints } = await response.json();
      assert.ok(data ?? endpoints);
    }));
}

for (const path of WITH_KEY) {
  Deno.test(`GET ${path} needs an ordinary key`, () =>
    withSimulator(async ({ simulator, call }) => {
      const refused = await fetch(simulator.url + path);
      assert.equal(refused.status, 401);
      assert.equal((await refused.json()).error.message, "No cookie auth credentials found");
      assert.ok((await (await call(path)).json()).data);
    }));
}

Deno.test("GET /models lists prices as strings", () =>
  withSimulator(async ({ call }) => {
    const { data } = await (await call("/models")).json();
    const model = data.find(({ id }: { id: string }) => id === "openai/gpt-4o-mini");
    assert.equal(model.context_length, 128000);
    assert.deepEqual(model.architecture.output_modalities, ["text"]);
    assert.deepEqual(model.pricing, {
      prompt: "0.00000015",
      completion: "0.0000006",
      request: "0",
      input_cache_read: "0.000000075",
    });
    assert.equal(model.top_provider.max_completion_tokens, 16384);
    const painter = data.find(({ id }: { id: string }) => id === "google/gemini-2.5-flash-image");
    assert.deepEqual(painter.pricing, {
      prompt: "0.0000003",
      completion: "0.0000025",
      request: "0",
      image_output: "0.00003",
    });
    const router = data.find(({ id }: { id: string }) => id === "openrouter/auto");
    assert.equal(router.pricing.prompt, "-1");
    const one = await (await call("/model/openai/gpt-4o-mini")).json();
    assert.deepEqual(one.data, model);
  }));

Deno.test("GET /models lists what writes text; output_modalities asks for others, or for all", () =>
  withSimulator(async ({ call }) => {
    const ids = async (path: string): Promise<string[]> =>
      (await (await call(path)).json()).data.map(({ id }: { id: string }) => id);
    const text = await ids("/models");
    assert.ok(!text.includes("google/veo-3.1") && text.includes("openai/gpt-4o"));
    assert.deepEqual(await ids("/models?output_modalities=video"), ["google/veo-3.1"]);
    assert.deepEqual(await ids("/videos/models"), ["google/veo-3.1"]);
    const all = await ids("/models?output_modalities=all");
    assert.ok(text.every((id) => all.includes(id)) && all.includes("google/veo-3.1"));
    const { data } = await (await call("/models/count?output_modalities=all")).json();
    assert.equal(data.count, all.length);
  }));

Deno.test("an unknown model, tool or dataset is a 404", () =>
  withSimulator(async ({ call }) => {
    for (const path of ["/model/a/b", "/models/a/b/endpoints", "/tools/x", "/datasets/x"]) {
      assert.equal((await call(path)).status, 404, path);
    }
  }));
