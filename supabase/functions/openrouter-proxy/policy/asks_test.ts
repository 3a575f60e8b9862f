import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { asked } from "../testing/asking.ts";
import { tokensOf } from "./tokens.ts";

/** As if a tool's own code were deep inside. */
function fusion(parameters: object) {
  return { type: "openrouter:fusion", parameters };
}

function form(...fields: [name: string, value: string][]): FormData {
  const form = new FormData();
  form.append("file", new Blob([utf8("RIFF")]), "a.wav");
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

const MODELS: [what: string, body: unknown, ...models: string[]][] = [
  ["a model", { model: "openai/gpt-4o" }, "openai/gpt-4o"],
  ["none", {}],
  ["a model that is no text", { model: 7 }],
  ["a model as it is written", { model: " OpenAI/GPT-4o:Nitro" }, " OpenAI/GPT-4o:Nitro"],
  ["models without a model", { models: ["a/b", "c/d"] }, "a/b", "c/d"],
  ["a model and models", { models: ["c/d", "a/b"], model: "a/b" }, "a/b", "c/d"],
  ["fallbacks as texts", { model: "a/b", fallbacks: ["c/d"] }, "a/b", "c/d"],
  ["fallbacks as objects", { model: "a/b", fallbacks: [{ model: "c/d" }] }, "a/b", "c/d"],
  ["fallbacks of fallbacks", { fallbacks: [{ models: [{ model: "c/d" }] }] }, "c/d"],
  ["one fallback in place of a list", { fallbacks: { model: "c/d" } }, "c/d"],
  ["a list in place of a model", { model: ["a/b", ["c/d"]] }, "a/b", "c/d"],
  ["both of a repeated model", '{"model":"a/b","model":"c/d"}', "c/d", "a/b"],
  ["all of repeated models", '{"models":["a/b"],"models":["c/d"]}', "a/b", "c/d"],
  [
    "escaped names and texts",
    '{"m\\u006fdel":"a\\/\\u0062","f\\u0061llbacks":["\\u0063/d"]}',
    "a/b",
    "c/d",
  ],
  ["behind a byte order mark", '\ufeff {"model":"a/b"}', "a/b"],
  ["an alias", { model: "~openai/gpt-latest" }, "~openai/gpt-latest"],
  [
    "variants",
    { model: "a/b:free", models: ["a/b:online", "a/b:nitro", "a/b:floor", "a/b:thinking:online"] },
    "a/b:free",
    "a/b:online",
    "a/b:nitro",
    "a/b:floor",
    "a/b:thinking:online",
  ],
  ["presets", { model: "@preset/x", models: ["a/b@preset/y"] }, "@preset/x", "a/b@preset/y"],
  ["a router", { model: "openrouter/auto" }, "openrouter/auto"],
  [
    "a router's patterns",
    { model: "openrouter/auto", plugins: [{ id: "auto-router", allowed_models: ["a/*"] }] },
    "openrouter/auto",
    "a/*",
  ],
  ["none that a router must not choose", { plugins: [{ excluded_models: ["a/b"] }] }],
  [
    "models of a tool",
    { tools: [fusion({ analysis_models: ["a/b", "c/d"], judge_model: "e/f", model: "g/h" })] },
    "a/b",
    "c/d",
    "e/f",
    "g/h",
  ],
  [
    "a model of a tool of a tool",
    { tools: [fusion({ tools: [{ type: "openrouter:subagent", parameters: { model: "a/b" } }] })] },
    "a/b",
  ],
  [
    "a model of a tool whose type comes last",
    '{"tools":[{"parameters":{"model":"a/b"},"type":"openrouter:advisor"}]}',
    "a/b",
  ],
  [
    "a model of a function that is a tool too, by a repeated type",
    '{"tools":[{"type":"function","parameters":{"model":"a/b"},"type":"openrouter:advisor"}]}',
    "a/b",
  ],
  ["a model of a provider's tool", { tools: [{ type: "advisor_20260301", model: "a/b" }] }, "a/b"],
  ["models of a plugin", { plugins: [{ id: "fusion", analysis_models: ["a/b"] }] }, "a/b"],
  ["a model of a plugin's tool", { plugins: [{ tools: [{ model: "a/b" }] }] }, "a/b"],
  ["each once", { model: "a/b", models: ["a/b"], fallbacks: [{ model: "a/b" }] }, "a/b"],
  [
    "none of what is only text",
    {
      tools: [
        { type: "function", name: "f", parameters: { model: "x" } },
        { type: "function", function: { parameters: { model: "x" } } },
        { name: "f", input_schema: { model: "x" } },
      ],
      messages: [{ content: [{ type: "tool_use", input: { model: "x" } }] }],
      metadata: { model: "x" },
      response_format: { json_schema: { model: "x" } },
    },
  ],
];

for (const [what, body, ...models] of MODELS) {
  Deno.test(`the models of a request are ${what}`, async () => {
    assert.deepEqual((await asked(body)).models, models);
  });
}

Deno.test("names are told as Postgres takes them", async () => {
  const { models, serverTools } = await asked({ model: "a\0/\ud800b", tools: [{ type: "x\0y" }] });
  assert.deepEqual(models, ["a/\ufffdb"]);
  assert.deepEqual(serverTools.map(({ name }) => name), ["xy"]);
});

Deno.test("the models of a form are those of its fields", async () => {
  const models = async (...fields: [string, string][]) =>
    (await asked(form(...fields), "/audio/transcriptions")).models;
  assert.deepEqual(await models(["model", "a/b"]), ["a/b"]);
  assert.deepEqual(await models(["model", "a/b"], ["model", "c/d"]), ["c/d", "a/b"]);
  assert.deepEqual(await models(["models[]", "c/d"], ["model", "a/b"]), ["a/b", "c/d"]);
  assert.deepEqual(await models(["fallbacks", "c/d"], ["prompt", "model"]), ["c/d"]);
});

Deno.test("more models, or tools, than a request has are refused", async () => {
  const count = (n: number) => Array.from({ length: n }, (_, i) => `a/${i}`);
  assert.equal((await asked({ models: count(100) })).models.length, 100);
  await assert.rejects(asked({ models: count(101) }), { type: "invalid_request" });
  await assert.rejects(asked({ tools: count(101).map((type) => ({ type })) }), {
    type: "invalid_request",
  });
  const fields = count(101).map((name): [string, string] => ["models", name]);
  await assert.rejects(asked(form(...fields), "/audio/transcriptions"), {
    type: "invalid_request",
  });
});

Deno.test("models of a client's own function are not counted, however many", async () => {
  const models = Array.from({ length: 500 }, (_, i) => `a/${i}`);
  const { models: named } = await asked({ tools: [{ type: "function", parameters: { models } }] });
  assert.deepEqual(named, []);
});

const UNNAMED: [why: string | null, body: unknown, path?: string][] = [
  [null, { model: "a/b" }],
  [null, { models: ["a/b"] }],
  [null, { model: null, models: ["a/b"] }],
  ["the body names no model", {}],
  ["the body names no model", { model: "" }],
  ["the body names no model", { model: null, models: [] }],
  ["the body names no model", { fallbacks: ["a/b"] }],
  ["the body names no model", { models: [""] }],
  ["the body names no model", '{"model":"a/b","model":null}'],
  ["the body names no model", '{"model":null,"model":"a/b"}'],
  ["the body names no model", '{"model":{},"model":"a/b"}'],
  ["the body names no model", '{"models":["a/b"],"models":[]}'],
  ["the body names no model", { tools: [fusion({ models: ["a/b"] })] }],
  ["the body names no model", { models: [], fallbacks: [{ models: ["a/b"] }] }],
  ["the body names no model", "RIFF", "/audio/transcriptions"],
  ["the body names no model", "RIFF", "/extra/path"],
  ["~a/b-latest is an alias", { model: "~a/b-latest" }],
  [" ~a/b-latest is an alias", { model: " ~a/b-latest" }],
  ["~a/b-latest is an alias", { model: "a/b", fallbacks: [{ model: "~a/b-latest" }] }],
  ["model leads to a preset", { model: "@preset/x" }],
  ["model leads to a preset", { model: "a/b@Preset/x" }],
  ["models[1] leads to a preset", { model: "a/b", models: ["c/d", "a/b@preset/x"] }],
  ["preset leads to a preset", { model: "a/b", preset: "x" }],
  ["prompt.id leads to a preset", { model: "a/b", prompt: { id: "x" } }],
  [null, { model: "a/b", preset: null }],
  ["model is no model's name", { model: "a".repeat(300) }],
  ["tools[0] runs models that it does not name", { model: "a/b", tools: [fusion({})] }],
  [
    "tools[0] runs models that it does not name",
    { model: "a/b", tools: [fusion({ model: "c/d" })] },
  ],
  [null, { model: "a/b", tools: [fusion({ analysis_models: ["c/d"] })] }],
  [
    "tools[1] runs models that it does not name",
    { model: "a/b", tools: [{ type: "function" }, { type: "openrouter:subagent" }] },
  ],
  [null, { model: "a/b", tools: [{ type: "openrouter:subagent", parameters: { model: "c/d" } }] }],
  [null, { model: "a/b", tools: [{ type: "advisor_20260301", model: "c/d" }] }],
  [
    "tools[0] runs models that it does not name",
    { model: "a/b", tools: [{ type: "image_generation" }] },
  ],
  [null, { model: "a/b", tools: [{ type: "image_generation", model: "c/d" }] }],
  [
    "tools[0] runs models that it does not name",
    {
      model: "a/b",
      tools: [{
        type: "openrouter:advisor",
        parameters: { tools: [{ type: "openrouter:subagent", model: "c/d" }] },
      }],
    },
  ],
  [
    "plugins[0] runs models that it does not name",
    { model: "a/b", plugins: [{ id: "fusion" }] },
  ],
  [
    "tools[0] runs models that it does not name",
    { model: "a/b", tools: [{ type: "openrouter:made_tomorrow" }] },
  ],
  [null, { model: "a/b", tools: [{ type: "openrouter:web_search" }, { type: "mcp" }] }],
];

for (const [why, body, path] of UNNAMED) {
  const shown = typeof body === "string" ? body : JSON.stringify(body).slice(0, 100);
  Deno.test(`of ${shown} at ${path ?? "a chat"} is said: ${why ?? "all models are named"}`, async () => {
    assert.equal((await asked(body, path)).unnamed, why);
  });
}

Deno.test("a form that names its model names all models", async () => {
  assert.equal((await asked(form(["model", "a/b"]), "/audio/transcriptions")).unnamed, null);
  assert.equal(
    (await asked(form(["models", "a/b"]), "/audio/transcriptions")).unnamed,
    "the body names no model",
  );
});

Deno.test("free models are told by their names", async () => {
  for (
    const model of [
      "a/b:free",
      "A/B:Free",
      "a/b:free:online",
      "a/b:free ",
      "openrouter/free",
      "\topenrouter/free",
    ]
  ) {
    assert.equal((await asked({ model: "a/b", models: [model] })).freeModel, true, model);
  }
  for (const model of ["a/b", "a/free", "a/b:freedom", "openrouter/freeform"]) {
    assert.equal((await asked({ model })).freeModel, false, model);
  }
});

Deno.test("how much text a body is counts what is no ASCII, and what is escaped", async () => {
  const textOf = async (content: string) => (await asked(`{"a":"${content}"}`)).text;
  assert.deepEqual(await textOf("abc"), {
    bytes: 11,
    nonAsciiBytes: 0,
    unicodeEscapes: 0,
    numbers: 0,
  });
  for (const [text, bytes] of [["é", 2], ["中", 3], ["🙂", 4]] as const) {
    const { nonAsciiBytes } = await textOf(text.repeat(100_000));
    assert.ok(nonAsciiBytes >= bytes * 100_000 && nonAsciiBytes <= bytes * 100_000 * 4 / 3, text);
  }
  const escaped = await textOf("\\u4e2d\\n\\ud83d\\ude00\\\\u4e2d");
  assert.deepEqual([escaped.nonAsciiBytes, escaped.unicodeEscapes], [0, 3]);
});

Deno.test("a list of tokens counts as that many at least", async () => {
  const ids = Array.from({ length: 3_000 }, (_, i) => i % 10);
  for (const body of [{ input: ids }, { input: [ids] }, { prompt: ids }]) {
    const { text } = await asked(body);
    assert.equal(text.numbers, ids.length);
    assert.ok(tokensOf(text) >= ids.length);
  }
});

Deno.test("a model of /systemone is its author's where it is named without", async () => {
  const named = async (model: string, path?: string) => {
    const { models, unnamed } = await asked({ model }, path);
    return [models, unnamed];
  };
  assert.deepEqual(await named("jev-1.13", "/systemone"), [["typesafe/jev-1.13"], null]);
  assert.deepEqual(await named("cloudflare/clef", "/systemone"), [["cloudflare/clef"], null]);
  assert.deepEqual(await named("jev-latest", "/systemone"), [
    ["~typesafe/jev-latest"],
    "~typesafe/jev-latest is an alias",
  ]);
  assert.deepEqual(await named("jev-1.13"), [["jev-1.13"], null]);
});

Deno.test("of a body that is neither JSON nor a form nothing is known but its length", async () => {
  const { charges: _, ...asks } = await asked("\x00 no JSON", "/audio/transcriptions");
  assert.deepEqual(asks, {
    models: [],
    areOpenAis: false,
    modes: [],
    serverTools: [],
    unnamed: "the body names no model",
    freeModel: false,
    text: { bytes: 9, nonAsciiBytes: 9, unicodeEscapes: 0, numbers: 0 },
    outputBound: null,
    maxToolCalls: null,
    prompts: 1,
    queriesAgain: { times: 0, tokens: 0 },
    answers: 1,
    mediaParts: 0,
    images: 0,
    imageBytes: 0,
    hasLongMedia: false,
    hasDocument: false,
    compacts: false,
    caching: "none",
    isPriority: false,
    ignoresPrice: false,
    priceBounds: {},
  });
});
