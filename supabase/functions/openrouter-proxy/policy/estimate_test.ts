import assert from "node:assert/strict";
import { asked } from "../testing/asking.ts";
import { CATALOGUE } from "../testing/listed_models.ts";
import { loosenessOf } from "../testing/looseness.ts";
import { type Appraisal, appraise } from "./estimate.ts";

async function appraisalOf(body: object, path?: string): Promise<Appraisal> {
  return appraise(await asked(body, path), CATALOGUE);
}

const UNKNOWN = { unknown: "price" };
const UNKNOWN_JOB = { unknown: "job" };
const BODY = { max_tokens: 10 };
const RESPONSE = { max_output_tokens: 10 };

const IMAGE = { type: "image_url", image_url: "data:image/png;base64,iVBORw0KGgo=" };
const TEXT = { bytes: 90, nonAsciiBytes: 0, unicodeEscapes: 0, numbers: 0 };

/** Of a body whose text is 30 tokens. */
async function estimateOf(body: object, path?: string) {
  const asks = { ...await asked(body, path), text: TEXT };
  return {
    estimate: appraise(asks, CATALOGUE).estimate,
    looseBecause: loosenessOf(asks, CATALOGUE),
  };
}

const LOOSE = {
  output: "output_not_bounded",
  tier: "dearer_tier",
  tools: "server_tools",
  price: "price_unknown",
} as const;

const ESTIMATES: [
  what: string,
  body: object,
  estimate: unknown[],
  looseBecause?: readonly string[],
  path?: string,
][] = [
  ["30 tokens in and 10 out", { ...BODY, model: "a/plain" }, [{ usd: "0.13" }]],
  [
    "10 out for each of three prompts",
    { ...BODY, model: "a/plain", prompt: ["a", "b", [1]] },
    [
      { usd: "0.33" },
    ],
    [],
    "/completions",
  ],
  [
    "an output without bound for each of two prompts",
    { model: "a/plain", prompt: ["a", "b"] },
    [{ usd: "0.03", usd_per_output_token: "0.02", output_tokens: 100 }],
    [LOOSE.output],
    "/completions",
  ],
  ["out what another provider has than the listed one", { model: "a/plain", max_tokens: 200 }, [
    { usd: "2.03" },
  ]],
  ["no more out than the context has", { model: "a/context", max_tokens: 1e6 }, [{ usd: "10.03" }]],
  ["out as many as are asked for where nothing else is known", {
    model: "a/endless",
    max_tokens: 2000,
  }, [{ usd: "20.03" }]],
  [
    "an output without bound",
    { model: "a/plain" },
    [{ usd: "0.03", usd_per_output_token: "0.01", output_tokens: 100 }],
    [LOOSE.output],
  ],
  [
    "an output without any bound",
    { model: "a/endless" },
    [{ usd: "0.03", usd_per_output_token: "0.01", output_tokens: null }],
    [LOOSE.output],
  ],
  ["each model that may run", {
    ...BODY,
    model: "a/plain",
    models: ["a/cheap"],
    fallbacks: [{ model: "a/thinks" }],
  }, [{ usd: "0.13" }, { usd: "0.00000004" }, { usd: "0.23" }]],
  [
    "the model that a mode of reasoning leads to",
    {
      ...BODY,
      model: "A/Plain:nitro",
      models: ["a/cheap"],
      reasoning: { mode: " Pro" },
    },
    [{ usd: "0.325" }, { usd: "0.00000004" }, { usd: "0.575" }],
    [LOOSE.tier],
  ],
  // 30 tokens, and 30 + 8192, of which the context takes 1000; twice 10 out.
  [
    "a summary of the prompt",
    {
      ...BODY,
      model: "a/plain",
      context_management: { edits: [{ type: "compact_20260112" }] },
    },
    [{ usd: "1.23" }],
    [],
    "/messages",
  ],
  ["thoughts", { ...BODY, model: "a/thinks" }, [{ usd: "0.23" }]],
  ["a request", { ...BODY, model: "a/request" }, [{ usd: "0.25" }]],
  ["no cache that is written where it is marked alone", { ...BODY, model: "anthropic/cached" }, [{
    usd: "0.13",
  }]],
  ["a cache that may be written unasked", { ...BODY, model: "a/cached" }, [{ usd: "0.16" }]],
  ["a cache by a breakpoint", {
    ...BODY,
    model: "anthropic/cached",
    messages: [{ content: [{ prompt_cache_breakpoint: { mode: "explicit" } }] }],
  }, [{ usd: "0.16" }]],
  ["a long cache by the request's options", {
    ...BODY,
    model: "anthropic/cached",
    prompt_cache_options: { mode: "explicit", ttl: "1h" },
  }, [{ usd: "0.22" }]],
  ["a cache", { ...BODY, model: "anthropic/cached", cache_control: {} }, [{ usd: "0.16" }]],
  ["a long cache", { ...BODY, model: "a/cached", cache_control: { ttl: "1h" } }, [{ usd: "0.22" }]],
  [
    "a long cache of unknown price",
    { ...BODY, model: "a/cached-short", cache_control: { ttl: "1h" } },
    [{ usd: "0.16" }],
    [LOOSE.price],
  ],
  ["an override of any length", { ...BODY, model: "a/long" }, [{ usd: "0.14" }]],
  ["media, as much as fits, at the dearest price", {
    ...BODY,
    model: "a/media",
    input: [{ type: "image_url" }, { type: "input_image" }],
  }, [{ usd: "4.5" }]],
  ["an image that the body holds, and no more than the context has", {
    ...BODY,
    model: "a/sees",
    input: [IMAGE],
  }, [{ usd: "4.1" }]],
  [
    "two images that the body holds, without a known context",
    { ...BODY, model: "a/endless", input: [IMAGE, IMAGE] },
    // 30 tokens less what 2 x 36 bytes of them are, and 131 072.
    [{ usd: "131.178" }],
  ],
  ["the tokens of images", {
    ...BODY,
    model: "a/sees",
    input: [{ type: "image_url" }],
  }, [{ usd: "4.1" }]],
  [
    "media without a known context",
    { ...BODY, model: "a/endless", input: [{ type: "image_url" }] },
    [UNKNOWN],
    [LOOSE.price],
  ],
  [
    "a document, whose pages OpenRouter reads for money",
    { ...BODY, model: "a/plain", messages: [{ content: [{ type: "file", file: {} }] }] },
    [{ usd: "1.1" }, UNKNOWN],
    [LOOSE.price],
  ],
  [
    "a document that a free model does not read itself",
    { model: "a/zero:free", input: [{ type: "input_file", file_url: "x" }] },
    [{ usd: "0" }, UNKNOWN],
    [LOOSE.price],
  ],
  ["a document that the model reads itself", {
    ...BODY,
    model: "a/reads",
    messages: [{ content: [{ type: "document", source: {} }] }],
  }, [{ usd: "1.1" }]],
  ["a long prompt, by media", {
    ...BODY,
    model: "a/long",
    input: [{ type: "image_url" }],
  }, [{ usd: "2.2" }]],
  ["priority", { ...BODY, model: "a/plain", service_tier: "priority" }, [{ usd: "0.325" }], [
    LOOSE.tier,
  ]],
  ["speed", { ...BODY, model: "a/plain", speed: "fast" }, [{ usd: "0.325" }], [LOOSE.tier]],
  [
    "priority and speed, which are one tier",
    { ...BODY, model: "a/plain", service_tier: "priority", speed: "fast" },
    [{ usd: "0.325" }],
    [LOOSE.tier],
  ],
  [
    "Anthropic's priority, which is its fast mode",
    { ...BODY, model: "anthropic/cached", service_tier: "priority" },
    [{ usd: "0.78" }],
    [LOOSE.tier],
  ],
  ["Anthropic's nitro", { ...BODY, model: "anthropic/cached:nitro" }, [{ usd: "0.78" }], [
    LOOSE.tier,
  ]],
  [
    "whoever is quickest, of the ordinary tier",
    { ...BODY, model: "anthropic/cached", provider: { sort: "throughput" } },
    [{ usd: "0.26" }],
    [LOOSE.tier],
  ],
  [
    "whoever answers soonest",
    { ...BODY, model: "a/plain", provider: { sort: { by: "latency", partition: "none" } } },
    [{ usd: "0.26" }],
    [LOOSE.tier],
  ],
  [
    "whoever is best, of one fallback's",
    {
      ...BODY,
      model: "a/plain",
      models: ["A/Plain:Exacto", "a/plain:nitro:exacto"],
    },
    [{ usd: "0.13" }, { usd: "0.26" }, { usd: "0.325" }],
    [LOOSE.tier],
  ],
  ["a fallback's nitro alone", { ...BODY, model: "a/plain", models: ["a/plain:nitro"] }, [
    { usd: "0.13" },
    { usd: "0.325" },
  ], [LOOSE.tier]],
  ["variants at the base's price", {
    ...BODY,
    model: "a/plain:thinking",
    models: ["a/plain:extended", "a/plain:floor", "A/Plain:Floor", "a/plain:beta"],
  }, Array(5).fill({ usd: "0.13" })],
  ["a variant that nobody knows", { ...BODY, model: "a/plain:new" }, [UNKNOWN], [LOOSE.price]],
  ["a variant that is listed itself", { ...BODY, model: "a/plain:free" }, [{ usd: "0.13" }]],
  ["a dearer max_price", {
    ...BODY,
    model: "a/plain",
    provider: { max_price: { prompt: 2000, completion: "20000" } },
  }, [{ usd: "0.26" }]],
  ["a cheaper max_price", {
    ...BODY,
    model: "a/plain",
    provider: { max_price: { prompt: 500, completion: 5000, request: 0.01 } },
  }, [{ usd: "0.075" }]],
  ["a max_price below an override", {
    ...BODY,
    model: "a/long",
    provider: { max_price: { completion: 5000 } },
  }, [{ usd: "0.14" }]],
  ["a max_price without end, as an amount that Postgres takes", {
    ...BODY,
    model: "a/plain",
    provider: { max_price: { prompt: "1e999" } },
  }, [{ usd: "100000000" }]],
  ["an output without end, as such an amount", { model: "a/endless", max_tokens: 2 ** 53 - 1 }, [
    { usd: "100000000" },
  ]],
  ["a free model", { model: "a/zero:free", tools: [{ type: "function" }] }, [{ usd: "0" }]],
  ["a free model that searches", { model: "a/zero:free:online" }, [{ usd: "0.015" }], [
    LOOSE.tools,
  ]],
  ["a zero that may be none", { ...BODY, model: "a/zero" }, [UNKNOWN], [LOOSE.price]],
  ["a model that is not listed", { ...BODY, model: "x/y" }, [UNKNOWN], [LOOSE.price]],
  ["a router", { ...BODY, model: "openrouter/auto" }, [UNKNOWN], [LOOSE.price]],
  ["a listed router with prices", { ...BODY, model: "openrouter/own" }, [{ usd: "0.13" }]],
  ["an alias and a fallback", { ...BODY, model: "~a/x-latest", models: ["a/plain"] }, [
    { usd: "0.13" },
    UNKNOWN,
  ], [LOOSE.price]],
  ["no model", BODY, [UNKNOWN], [LOOSE.price]],
  // 30 tokens, and 30 + 8192, of which the context takes 1000.
  [":online", { ...BODY, model: "a/plain:online" }, [{ usd: "1.245" }], [LOOSE.tools]],
  ["a search at the model's price", { ...BODY, model: "a/search:online" }, [{ usd: "1.355" }], [
    LOOSE.tools,
  ]],
  ["a search that nobody asks for", { ...BODY, model: "perplexity/sonar" }, [{ usd: "0.135" }]],
  ["searches for a report", { ...BODY, model: "perplexity/sonar-deep-research" }, [
    { usd: "0.28" },
  ]],
  ["no search that nobody asks for of others", { ...BODY, model: "a/search" }, [{ usd: "0.13" }]],
  [
    "a search by an engine that is dearer than the model's own",
    {
      ...BODY,
      model: "a/searches-cheaply:online",
    },
    [{ usd: "1.245" }],
    [LOOSE.tools],
  ],
  [
    "a search's results beyond the usual ones",
    {
      model: "a/zero:free",
      tools: [{ type: "web_search", max_uses: 2, max_results: 20 }],
    },
    [{ usd: "0.05" }],
    [LOOSE.tools],
  ],
  [
    "no more results than an engine gives",
    {
      model: "a/zero:free",
      plugins: [{ id: "web", max_results: 1e9 }],
    },
    [{ usd: "0.115" }],
    [LOOSE.tools],
  ],
  [
    "no fewer results than a number asks for that no engine could give",
    {
      model: "a/zero:free",
      plugins: [{ id: "web", max_results: 1e20 }],
    },
    [{ usd: "0.115" }],
    [LOOSE.tools],
  ],
  [
    "a part of a result for one",
    {
      model: "a/zero:free",
      tools: [{ type: "web_search", max_uses: 2, max_results: 19.5 }],
    },
    [{ usd: "0.05" }],
    [LOOSE.tools],
  ],
  [
    "results as long as they are asked for",
    {
      model: "a/endless",
      max_tokens: 100,
      plugins: [{ id: "web", max_results: 10, max_characters: 30_000 }],
    },
    // Prompts of 30 and 100030 tokens, 100 to use the tool and 100 to answer, and its price.
    [{ usd: "102.075" }],
    [LOOSE.tools],
  ],
  [
    "many results of the usual length, and of a size that is named",
    {
      model: "a/endless",
      max_tokens: 100,
      tools: [{ type: "web_search", max_uses: 1, parameters: { max_results: 25 } }],
      web_search_options: { search_context_size: "low" },
    },
    [{ usd: "128.151" }],
    [LOOSE.tools],
  ],
  [
    "no longer results than OpenRouter takes",
    {
      model: "a/endless",
      max_tokens: 100,
      plugins: [{ id: "web", max_results: 1, max_characters: 1e9 }],
    },
    [{ usd: "35.409" }],
    [LOOSE.tools],
  ],
  [
    "as long ones where a number is larger than all that are told apart",
    {
      model: "a/endless",
      max_tokens: 100,
      plugins: [{ id: "web", max_results: 1, max_characters: 1e300 }],
    },
    [{ usd: "35.409" }],
    [LOOSE.tools],
  ],
  [
    "no longer prompts than the context",
    {
      model: "a/plain",
      max_tokens: 100,
      plugins: [{ id: "web", max_characters: 1e5 }],
    },
    [{ usd: "3.045" }],
    [LOOSE.tools],
  ],
  [
    "a search of X, whose price nobody knows",
    {
      model: "a/zero:free",
      plugins: [{ id: "web", x_search: {} }],
    },
    [{ usd: "0.015" }, UNKNOWN],
    [LOOSE.price, LOOSE.tools],
  ],
  [
    "the output of each use of a tool",
    { model: "a/plain", tools: [{ type: "openrouter:web_fetch", max_uses: 2 }] },
    [{ usd: "4.032", usd_per_output_token: "0.01", output_tokens: 100 }],
    [LOOSE.output, LOOSE.tools],
  ],
  [
    "no more output of each use of a tool than a call of it takes",
    { model: "a/endless", tools: [{ type: "openrouter:web_fetch", max_uses: 2 }] },
    // Prompts of 30, 8222 and 16414 tokens, twice 1024 to use the tool, and its price.
    [{ usd: "45.148", usd_per_output_token: "0.01", output_tokens: null }],
    [LOOSE.output, LOOSE.tools],
  ],
  [
    "max_tool_calls",
    { ...RESPONSE, model: "a/plain", max_tool_calls: 1, tools: [{ type: "openrouter:datetime" }] },
    [{ usd: "1.23" }],
    [LOOSE.tools],
    "/responses",
  ],
  [
    "the price of a request in each step",
    { ...BODY, model: "a/request", tools: [{ type: "openrouter:datetime" }] },
    [{ usd: "1.5" }],
    [LOOSE.tools],
  ],
  [
    "a search at its own price in a dearer tier",
    { ...BODY, model: "a/plain:online", service_tier: "priority" },
    [{ usd: "3.09" }],
    [LOOSE.tier, LOOSE.tools],
  ],
  [
    "no more uses of a tool than max_tool_calls",
    { ...RESPONSE, model: "a/plain", max_tool_calls: 1, tools: [{ type: "openrouter:web_fetch" }] },
    [{ usd: "1.231" }],
    [LOOSE.tools],
    "/responses",
  ],
  ["a short cache, whatever a long one would cost", {
    ...BODY,
    model: "a/cached-short",
    cache_control: {},
  }, [{ usd: "0.16" }]],
  ["a max_price below what an override leaves alone", {
    ...BODY,
    model: "a/long",
    provider: { max_price: { prompt: 500 } },
  }, [{ usd: "0.125" }]],
  // 30 and 1030 tokens, of which the context takes 1000; the last step's length makes all of it dearer.
  [
    "a long prompt, by what a tool finds",
    { ...BODY, model: "a/long", tools: [{ type: "web_fetch", max_uses: 1 }] },
    [{ usd: "2.461" }],
    [LOOSE.tools],
  ],
  [
    "no more steps than a model takes, whatever max_tool_calls says",
    {
      ...RESPONSE,
      model: "a/plain",
      max_tool_calls: 100,
      tools: Array(8).fill({ type: "openrouter:datetime" }),
    },
    [{ usd: "33.13" }],
    [LOOSE.tools],
    "/responses",
  ],
  [
    "a tool that shared_features opens",
    {
      ...RESPONSE,
      model: "a/plain",
      max_tool_calls: 0,
      tools: [{ type: "openrouter:bash" }],
    },
    [{ usd: "0.13" }, UNKNOWN],
    [LOOSE.price, LOOSE.tools],
    "/responses",
  ],
  [
    "a tool of unknown price",
    {
      ...RESPONSE,
      model: "a/plain",
      max_tool_calls: 0,
      tools: [{ type: "mcp" }],
    },
    [
      { usd: "0.13" },
      UNKNOWN,
    ],
    [LOOSE.price, LOOSE.tools],
    "/responses",
  ],
  ["embeddings", { model: "a/embeds" }, [{ usd: "0.03" }], [], "/embeddings"],
  [
    "embeddings without output, whatever it would cost",
    { model: "a/plain" },
    [
      { usd: "0.03" },
    ],
    [],
    "/embeddings",
  ],
  ["documents by their tokens", { model: "a/embeds" }, [{ usd: "0.03" }], [], "/rerank"],
  // 30 tokens, and twice more the 20 of the query in its quotes.
  [
    "a query with each of its documents",
    { model: "a/embeds", query: "x".repeat(58), documents: ["a", { text: "b" }, "c"] },
    [{ usd: "0.07" }],
    [],
    "/rerank",
  ],
  [
    "no more of a query with a document than the context has",
    { model: "a/embeds", query: "x".repeat(9_000), documents: ["a", "b"] },
    [{ usd: "1.03" }],
    [],
    "/rerank",
  ],
  ["documents by search units", { model: "a/request" }, [UNKNOWN], [LOOSE.price], "/rerank"],
  [
    "images",
    { model: "a/draws", n: 3, max_tokens: 1 },
    [{ usd: "0", usd_per_output_token: "0.09", output_tokens: 100 }],
    [LOOSE.output],
    "/images",
  ],
  [
    "images at their own price, whatever max_price says",
    { model: "a/plain", provider: { max_price: { prompt: 0, completion: 0 } } },
    [{ usd: "0.03", usd_per_output_token: "0.01", output_tokens: 100 }],
    [LOOSE.output],
    "/images",
  ],
  [
    "more images than anybody pays for, as an amount that Postgres takes",
    { model: "a/draws", n: 2 ** 53 - 1 },
    [{ usd: "0", usd_per_output_token: "1", output_tokens: 100 }],
    [LOOSE.output],
    "/images",
  ],
  ["one answer, where no API has more", { ...BODY, model: "a/plain", n: 3 }, [{ usd: "0.13" }]],
  ["images without prices", { model: "a/zero" }, [UNKNOWN], [LOOSE.price], "/images"],
  ["images for nothing, as none", { model: "a/zero:free" }, [UNKNOWN], [LOOSE.price], "/images"],
  [
    "no image less than one",
    { model: "a/draws", n: 0 },
    [
      { usd: "0", usd_per_output_token: "0.03", output_tokens: 100 },
    ],
    [LOOSE.output],
    "/images",
  ],
  [
    "images that a decision is about, and an output that nothing bounds",
    { ...BODY, model: "a/context", state: [IMAGE] },
    [{ usd: "1", usd_per_output_token: "0.01", output_tokens: 1000 }],
    [LOOSE.output],
    "/systemone",
  ],
  ["speech", { ...BODY, model: "a/plain" }, [UNKNOWN], [LOOSE.price], "/audio/speech"],
  ["a film", { ...BODY, model: "a/plain" }, [UNKNOWN_JOB], [LOOSE.price], "/videos"],
  [
    "a transcription",
    { ...BODY, model: "a/plain" },
    [UNKNOWN],
    [LOOSE.price],
    "/audio/transcriptions",
  ],
  ["what nobody knows", { ...BODY, model: "a/plain" }, [UNKNOWN], [LOOSE.price], "/extra/path"],
];

for (const [what, body, estimate, looseBecause = [], path] of ESTIMATES) {
  Deno.test(`the estimate counts ${what}`, async () => {
    assert.deepEqual(await estimateOf(body, path), { estimate, looseBecause });
  });
}

Deno.test("the estimate takes a token for three bytes of ASCII, and one for each other byte", async () => {
  const usdOf = async (
    text: { bytes: number; nonAsciiBytes: number; unicodeEscapes: number; numbers: number },
  ) => {
    const { estimate } = appraise(
      { ...await asked({ ...BODY, model: "a/plain" }), text },
      CATALOGUE,
    );
    return "usd" in estimate[0]! ? estimate[0].usd : null;
  };
  assert.equal(
    await usdOf({ bytes: 91, nonAsciiBytes: 0, unicodeEscapes: 0, numbers: 0 }),
    "0.131",
  );
  assert.equal(
    await usdOf({ bytes: 91, nonAsciiBytes: 1, unicodeEscapes: 0, numbers: 0 }),
    "0.131",
  );
  assert.equal(
    await usdOf({ bytes: 91, nonAsciiBytes: 91, unicodeEscapes: 0, numbers: 0 }),
    "0.191",
  );
  assert.equal(
    await usdOf({ bytes: 90, nonAsciiBytes: 0, unicodeEscapes: 15, numbers: 0 }),
    "0.145",
  );
  assert.equal(
    await usdOf({ bytes: 90, nonAsciiBytes: 0, unicodeEscapes: 0, numbers: 45 }),
    "0.145",
  );
  assert.equal(await usdOf({ bytes: 1e7, nonAsciiBytes: 0, unicodeEscapes: 0, numbers: 0 }), "1.1");
});

Deno.test("an embedding's inputs are each as long as the context, and together longer", async () => {
  const prompts = 50;
  const contextLength = 100;
  const catalogue = {
    find: (id: string) => ({
      id,
      contextLength,
      maxOutputTokens: null,
      isRouter: false,
      readsFiles: false,
      prices: { prompt: 10n ** 15n },
      overrides: [],
    }),
  };
  const usdOf = async (input: unknown) => {
    const asks = await asked({ model: "a/b", input }, "/embeddings");
    const { estimate } = appraise(asks, catalogue);
    assert.deepEqual(loosenessOf(asks, catalogue), []);
    assert.ok("usd" in estimate[0]!);
    return Number(estimate[0].usd);
  };
  assert.ok(await usdOf(Array(prompts).fill("x".repeat(3 * contextLength))) >= prompts * 0.1);
  const image = { content: [{ type: "image_url", image_url: { url: "x" } }] };
  assert.ok(await usdOf(Array(prompts).fill(image)) >= prompts * 0.1);
  assert.ok(await usdOf([image]) >= 0.1);
});

Deno.test("what names nothing is not known", async () => {
  const nothing = { ...await asked({ ...BODY, model: "a/plain" }), models: [] };
  assert.deepEqual(appraise(nothing, CATALOGUE).estimate, [UNKNOWN]);
});

Deno.test("routers are not known before, unless they have prices of their own", async () => {
  const why = async (body: object) => (await appraisalOf({ ...BODY, ...body })).runsUnnamed;
  assert.equal(await why({ model: "a/plain" }), null);
  assert.equal(await why({ model: "openrouter/own" }), null);
  assert.equal(await why({ model: "x/y" }), null);
  for (const router of ["openrouter/auto", "openrouter/free", "openrouter/new", "a/router"]) {
    assert.equal(await why({ model: "a/plain", models: [router] }), `${router} chooses a model`);
  }
  assert.equal(await why({ model: "a/router:online" }), "a/router:online chooses a model");
  const routers = { models: ["openrouter/auto", "a/router"] };
  assert.equal(await why(routers), "openrouter/auto chooses a model");
  assert.equal(await why({}), "the body names no model");
});

Deno.test("a router of free models costs nothing but what else runs", async () => {
  const estimated = async (body: object) => (await appraisalOf({ ...BODY, ...body })).estimate;
  const free = { model: "openrouter/free" };
  assert.deepEqual(await estimated(free), [{ usd: "0" }]);
  assert.deepEqual(await estimated({ model: "OpenRouter/Free:online" }), [{ usd: "0.015" }]);
  assert.deepEqual(await estimated({ ...free, models: ["a/plain"] }), [
    { usd: "0" },
    { usd: "0.122" },
  ]);
  for (
    const more of [
      { models: ["openrouter/auto"] },
      { preset: "mine" },
      { plugins: [{ id: "fusion" }] },
      { messages: [{ role: "user", content: [{ type: "file", file: { file_data: "x" } }] }] },
    ]
  ) {
    assert.deepEqual((await estimated({ ...free, ...more })).at(-1), UNKNOWN, JSON.stringify(more));
  }
});

Deno.test("the models that may run are those that modes of reasoning lead to, too", async () => {
  const modelsIn = async (body: object) => (await appraisalOf({ ...BODY, ...body })).models;
  const pro = { reasoning: { mode: "pro" } };
  assert.deepEqual(await modelsIn({ model: "a/plain", ...pro }), ["a/plain", "a/plain-pro"]);
  assert.deepEqual(await modelsIn({ model: "a/cheap", ...pro }), ["a/cheap"]);
  assert.deepEqual(await modelsIn({ model: "x/y :nitro", ...pro }), [
    "x/y :nitro",
    "x/y-pro:nitro",
  ]);
  for (const reasoning of [{ mode: "standard" }, { mode: null }, { effort: "high" }, null]) {
    assert.deepEqual(await modelsIn({ model: "a/plain", reasoning }), ["a/plain"]);
  }
  const repeated = '{"model":"a/plain","reasoning":{"mode":"pro"},"reasoning":{"mode":"standard"}}';
  assert.deepEqual(appraise(await asked(repeated), CATALOGUE).models, ["a/plain", "a/plain-pro"]);
  const functionsOwn = { type: "function", parameters: { reasoning: { mode: "pro" } } };
  assert.deepEqual(await modelsIn({ model: "a/plain", tools: [functionsOwn] }), ["a/plain"]);
});

Deno.test("an appraisal says what admission is to hold against the settings", async () => {
  const appraisal = await appraisalOf({
    model: "a/zero:free",
    tools: [{ type: "openrouter:web_search", max_uses: 1 }],
  });
  assert.deepEqual(appraisal, {
    models: ["a/zero:free"],
    serverTools: [{ name: "web_search", param: "tools[0]", uses: 1, results: 0, characters: 0 }],
    runsUnnamed: null,
    freeModel: true,
    estimate: [{ usd: "0.015" }],
  });
});

Deno.test("a tool that bills its steps alone needs no leave", async () => {
  const tools = [{ type: "tool_search" }, { type: "openrouter:apply_patch" }];
  const { serverTools, runsUnnamed, estimate } = await appraisalOf({
    model: "a/endless",
    max_tokens: 100,
    tools,
  });
  assert.deepEqual([serverTools, runsUnnamed], [[], null]);
  // Eleven prompts of 36 tokens and of 8192 more each, and eleven outputs.
  assert.deepEqual(estimate, [{ usd: "461.956" }]);
});

Deno.test("a tool that shared_features opens needs no other leave", async () => {
  const shared = ["openrouter:bash", "openrouter:shell", "openrouter:files", "file_search"];
  const tools = [...shared, "mcp"].map((type) => ({ type }));
  const { serverTools } = await appraisalOf({ ...BODY, model: "a/plain", tools });
  assert.deepEqual(serverTools.map(({ name }) => name), ["mcp"]);
});
