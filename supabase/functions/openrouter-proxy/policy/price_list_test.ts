import assert from "node:assert/strict";
import { readPriceList } from "./price_list.ts";

const PRICING = { prompt: "0.000001", completion: "0.000002" };

function read(...data: unknown[]) {
  return [...readPriceList(JSON.stringify({ data })).values()];
}

Deno.test("readPriceList reads prices, bounds and overrides", () => {
  const [model] = read({
    id: "a/b",
    name: "B",
    context_length: 1000,
    top_provider: { max_completion_tokens: 10 },
    architecture: { input_modalities: ["text", "file"] },
    pricing: {
      ...PRICING,
      request: "1e-3",
      web_search: 0.01,
      input_cache_read: "not looked at",
      discount: 0.5,
      overrides: [
        { min_prompt_tokens: 100, prompt: "0.000003" },
        { utc_start: "10:00", prices: { completion: "0.000004" } },
      ],
    },
  });
  assert.deepEqual(model, {
    id: "a/b",
    contextLength: 1000,
    maxOutputTokens: 10,
    isRouter: false,
    readsFiles: true,
    prices: {
      prompt: 10n ** 12n,
      completion: 2n * 10n ** 12n,
      request: 10n ** 15n,
      web_search: 10n ** 16n,
    },
    overrides: [
      { fromTokens: 100, prices: { prompt: 3n * 10n ** 12n } },
      { fromTokens: 0, prices: { completion: 4n * 10n ** 12n } },
    ],
  });
});

Deno.test("readPriceList reads a price for each thing that costs, and takes one that is none for no model", () => {
  const names = [
    ...["prompt", "completion", "request", "image", "image_output", "image_token", "audio"],
    ...["audio_output", "input_cache_write", "input_cache_write_1h", "internal_reasoning"],
    "web_search",
  ];
  const prices = Object.fromEntries(names.map((name, i) => [name, String(i)]));
  const [model] = read({ id: "a/b", pricing: prices });
  assert.deepEqual(
    model?.prices,
    Object.fromEntries(names.map((name, i) => [name, BigInt(i) * 10n ** 18n])),
  );
  assert.deepEqual([model?.isRouter, model?.readsFiles], [false, false]);
  for (const name of names) {
    assert.deepEqual(read({ id: "a/b", pricing: { ...prices, [name]: "free" } }), []);
  }
});

Deno.test("readPriceList takes whole numbers above zero alone for bounds, and all overrides or no model", () => {
  for (const value of [0, -1, 1.5, 2 ** 53, "5", true, null, [5]]) {
    const [model] = read({ id: "a/b", context_length: value, pricing: PRICING });
    assert.equal(model?.contextLength, null, String(value));
  }
  const [model] = read({ id: "a/b", context_length: 1, pricing: PRICING });
  assert.equal(model?.contextLength, 1);
  const overrides = [{ prompt: "1" }, { prompt: "x" }];
  assert.deepEqual(read({ id: "a/b", pricing: { ...PRICING, overrides } }), []);
});

Deno.test("readPriceList knows routers by a negative price, and bounds that are missing", () => {
  const [router] = read({
    id: "openrouter/auto",
    context_length: null,
    pricing: { prompt: "-1", completion: "-1" },
  });
  assert.deepEqual([router?.isRouter, router?.contextLength, router?.maxOutputTokens], [
    true,
    null,
    null,
  ]);
});

Deno.test("readPriceList knows a router by any negative price, and takes no bound that is none", () => {
  const [router] = read({
    id: "a/b",
    context_length: 0,
    top_provider: { max_completion_tokens: -1 },
    pricing: { prompt: "0", completion: "-1" },
  });
  assert.deepEqual([router?.isRouter, router?.contextLength, router?.maxOutputTokens], [
    true,
    null,
    null,
  ]);
});

Deno.test("readPriceList takes null for what is not listed", () => {
  const pricing = { ...PRICING, image: null, overrides: null };
  const [model] = read({ id: "a/b", top_provider: null, pricing });
  assert.deepEqual(model?.prices, { prompt: 10n ** 12n, completion: 2n * 10n ** 12n });
  assert.deepEqual([model.overrides, model.maxOutputTokens], [[], null]);
});

const MALFORMED: unknown[] = [
  null,
  7,
  {},
  { id: "a/b" },
  { id: 7, pricing: PRICING },
  { id: "a/b", pricing: {} },
  { id: "a/b", pricing: { completion: "1" } },
  { id: "a/b", pricing: { ...PRICING, prompt: "free" } },
  { id: "a/b", pricing: { ...PRICING, image: {} } },
  { id: "a/b", pricing: { ...PRICING, overrides: {} } },
  { id: "a/b", pricing: { ...PRICING, overrides: [null] } },
  { id: "a/b", pricing: { ...PRICING, overrides: [{ prompt: "x" }] } },
];

for (const entry of MALFORMED) {
  Deno.test(`readPriceList leaves out ${JSON.stringify(entry)}, and nothing else`, () => {
    assert.deepEqual(read(entry, { id: "c/d", pricing: PRICING }).map(({ id }) => id), ["c/d"]);
  });
}

Deno.test("readPriceList refuses what is no list of models", () => {
  assert.throws(() => readPriceList("<html>"), SyntaxError);
  for (const text of ["null", "[]", "{}", '{"data":{}}']) {
    assert.throws(() => readPriceList(text), TypeError, text);
  }
});
