import assert from "node:assert/strict";
import type { Asks } from "./asks.ts";
import { asked } from "../testing/asking.ts";

type Fact = [what: string, body: unknown, facts: Partial<Asks>, path?: string];

const PNG = "data:image/png;base64,iVBORw0KGgo=";
const PNG_SOURCE = { type: "base64", media_type: "image/png" };

/** What may be of any length to whoever reads it, although some of it looks like an image. */
const ANYTHING: unknown[] = [
  { type: "image_url", image_url: { url: "https://a.example/cat.png" } },
  { type: "image_url", image_url: { url: "data:application/pdf;base64,iVBO" } },
  { type: "image_url", image_url: { url: "data:image/svg+xml;base64,iVBO" } },
  { type: "image_url", image_url: { url: " data:image/png;base64,iVBO" } },
  { type: "image_url", image_url: { url: "https://a.example/data:image/png;base64,iVBO" } },
  { type: "image_url", image_url: { url: { url: PNG } } },
  { type: "image_url", image_url: [PNG] },
  { type: "image_url", image_url: {} },
  { type: "image_url", image_url: 1 },
  { type: "image_url" },
  { type: "input_image", file_url: "https://a.example/x" },
  { type: "input_image", url: PNG },
  { type: "image", source: { ...PNG_SOURCE, data: "iVBO" }, image: "x" },
  { type: "image", source: { ...PNG_SOURCE, type: "url", url: "x", data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, media_type: "application/pdf", data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, media_type: "image/svg+xml", data: "PHN2" } },
  { type: "image", source: { type: "base64", data: "iVBO" } },
  { type: "image", source: { media_type: "image/png", data: "iVBO" } },
  { type: "image", source: PNG_SOURCE },
  { type: "image", source: "x", image_url: PNG },
  { type: "image", x: { image_url: PNG } },
  { type: "document", source: { ...PNG_SOURCE, data: "iVBO" } },
  { type: "file", file: { file_data: "x" }, image_url: PNG },
  { type: "input_audio", image_url: PNG },
  { image_url: PNG },
  { type: "text", image_url: PNG },
  { type: "image_url", image_url: { url: "data:image/tiff;base64,iVBO" } },
  { type: "image_url", image_url: { url: "data:image/pdf;base64,iVBO" } },
  { type: "image_url", image_url: { url: "data:image/pngx;base64,iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, media_type: "image/tiff", data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, media_type: "x/image/png", data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, media_type: ["image/png"], data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, type: ["base64"], data: "iVBO" } },
  { type: "image", source: { ...PNG_SOURCE, data: ["iVBO"] } },
  { file_data: "x" },
  { images: [PNG] },
  '{"input":[{"type":"image_url","image_url":{"url":"data:image/png;,","url":"https://a.example"}}]}',
  '{"input":[{"type":"image_url","image_url":"data:image/png;,","image_url":"https://a.example"}]}',
  '{"input":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"","type":"url"}}]}',
  '{"input":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"","media_type":"a/b"}}]}',
  '{"input":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":""},"source":{}}]}',
  '{"input":[{"type":"image_url","image_url":"data:image/png;,","type":"file"}]}',
  '{"input":[{"type":"image_url","image_url":"data:image/png;,","type":"text"}]}',
  '{"input":[{"type":"image_url","image_url":{"url":"data:image/png;,","url":{}}}]}',
  '{"input":[{"type":"image_url","image_url":{"url":"data:image/png;,","url":null}}]}',
  '{"input":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"","type":{}}}]}',
  '{"input":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"","media_type":null}}]}',
];

const IMAGE = { type: "image_url", image_url: PNG };

/** What is no part of a message, however much it looks like an image. */
const READ_AS_TEXT: object[] = [
  { tools: [{ ...IMAGE, type: "function" }] },
  { tools: [{ name: "x", ...IMAGE }] },
  { tools: [{ type: "function", output_schema: IMAGE }] },
  { tools: [[{ parameters: IMAGE }]] },
  { tools: [{ name: "x", source: { ...PNG_SOURCE, data: "iVBO" } }] },
  { input: [{ type: "local_shell_call", action: { env: IMAGE } }] },
  { guided_json: IMAGE },
  { prompt: IMAGE },
  { documents: [IMAGE] },
  { input: [{ content: [{ source: { ...PNG_SOURCE, data: "iVBO" } }] }] },
  { messages: [{ content: [{ type: "text", source: { ...PNG_SOURCE, data: "iVBO" } }] }] },
  { messages: [{ x: [IMAGE] }] },
  { x: [{ content: [IMAGE] }] },
  IMAGE,
];

const FACTS: Fact[] = [
  [
    "the images of a state that is asked about",
    {
      state: ["of a listing", IMAGE, { type: "image_url", image_url: { url: PNG } }, ["x"]],
    },
    { mediaParts: 2, images: 2, imageBytes: 2 * (PNG.length + 2), hasLongMedia: false },
    "/systemone",
  ],
  [
    "no images of a state that are not its items, or lie elsewhere",
    {
      state: { images: [PNG], image_url: PNG, photo: IMAGE, list: [IMAGE] },
      questions: { a: { instructions: PNG, criteria: [IMAGE] } },
    },
    { mediaParts: 0, images: 0, hasLongMedia: false },
    "/systemone",
  ],
  [
    "no image of a state that lies elsewhere",
    {
      state: [{ type: "image_url", image_url: "https://x.example/a.png" }, { image_url: null }, [
        IMAGE,
      ]],
    },
    { mediaParts: 0, images: 0, hasLongMedia: false },
    "/systemone",
  ],
  ["no query that is read again", { query: "abcd", documents: ["a"] }, {
    queriesAgain: { times: 0, tokens: 2 },
  }, "/rerank"],
  [
    "a query once more for each document but the first",
    {
      query: "abcd",
      documents: ["a", 1, null, { text: "b" }, ["c"]],
    },
    { queriesAgain: { times: 4, tokens: 2 } },
    "/rerank",
  ],
  [
    "the longest of several queries, and all documents",
    '{"query":"abcdefg","documents":["a","b"],' +
    '"query":"","documents":["c"]}',
    { queriesAgain: { times: 2, tokens: 3 } },
    "/rerank",
  ],
  ["a query that is no ASCII, or is escaped", { query: "\u00e9\u0007", documents: ["a", "b"] }, {
    // Two bytes that are none, and eight that are, six of which may stand for one more.
    queriesAgain: { times: 1, tokens: 6 },
  }, "/rerank"],
  [
    "no query that is none, and no documents that are no list",
    '{"query":["abcd"],"documents":{}}',
    {
      queriesAgain: { times: 0, tokens: 0 },
    },
    "/rerank",
  ],
  ["no bound", {}, { outputBound: null, maxToolCalls: null, answers: 1 }],
  ["max_tokens", { max_tokens: 5 }, { outputBound: 5 }],
  ["no bound of nothing, which providers take as they like", { max_output_tokens: 0 }, {
    outputBound: null,
  }, "/responses"],
  ["none beside it", { max_tokens: 0, max_completion_tokens: 9 }, { outputBound: null }],
  ["one token", { max_tokens: 1 }, { outputBound: 1 }],
  ["no bound where a fallback's is nothing", { max_tokens: 5, fallbacks: [{ max_tokens: 0 }] }, {
    outputBound: null,
  }],
  ["no tool calls at all", { max_tool_calls: 0 }, { maxToolCalls: 0 }, "/responses"],
  ["max_output_tokens", { max_output_tokens: 5 }, { outputBound: 5 }, "/responses"],
  ["no bound of another API's", { max_output_tokens: 1 }, { outputBound: null }],
  ["no such bound of a response", { max_tokens: 1, max_completion_tokens: 1 }, {
    outputBound: null,
  }, "/responses"],
  ["no such bound of a message", { max_completion_tokens: 1 }, { outputBound: null }, "/messages"],
  ["no such bound of a completion", { max_completion_tokens: 1 }, {
    outputBound: null,
  }, "/completions"],
  ["another API's larger bound", { max_tokens: 5, max_output_tokens: 9 }, { outputBound: 9 }],
  [
    "no bound of a decision, which has none",
    {
      max_tokens: 1,
      max_completion_tokens: 1,
      max_output_tokens: 1,
    },
    { outputBound: null },
    "/systemone",
  ],
  ["the largest", { max_tokens: 5, max_completion_tokens: 7, max_output_tokens: 6 }, {
    outputBound: 7,
  }],
  ["the largest of a repeated one", '{"max_tokens":9,"max_tokens":5}', { outputBound: 9 }],
  ["none of a repeated one that is none once", '{"max_tokens":9,"max_tokens":null}', {
    outputBound: null,
  }],
  ["another one's, where one is null", { max_tokens: null, max_completion_tokens: 3 }, {
    outputBound: 3,
  }],
  ["no bound that is none", '{"max_tokens":-1,"max_output_tokens":1.5}', { outputBound: null }],
  ["no bound that is a text", { max_tokens: "5" }, { outputBound: null }],
  ["no bound beside one that is too large to tell", '{"max_tokens":1e17,"max_output_tokens":1}', {
    outputBound: null,
  }],
  [
    "no bound beside one of too many digits",
    `{"max_tokens":${"9".repeat(65)},"max_completion_tokens":1}`,
    { outputBound: null },
  ],
  ["no bound beside a text", { max_tokens: "5000", max_completion_tokens: 1 }, {
    outputBound: null,
  }],
  ["a whole number in another notation", '{"max_tokens":1e3}', { outputBound: 1000 }],
  ["no bound deeper down", { tools: [{ max_tokens: 5 }] }, { outputBound: null }],
  ["a fallback's larger bound", { max_tokens: 5, fallbacks: [{ max_tokens: 9 }] }, {
    outputBound: 9,
  }],
  ["no bound where a fallback's is too large to tell", {
    max_tokens: 5,
    fallbacks: [{ max_tokens: 1e17 }],
  }, { outputBound: null }],
  ["no bound where a fallback sets none", { max_tokens: 5, fallbacks: [{ max_tokens: null }] }, {
    outputBound: null,
  }],
  ["a bound of what each of many prompts gets", { prompt: ["a", "b"], max_tokens: 5 }, {
    outputBound: 5,
    prompts: 2,
  }],
  ["a bound of what one prompt gets", { prompt: "a", max_tokens: 5 }, {
    outputBound: 5,
    prompts: 1,
  }],
  ["no prompt as one", { messages: [] }, { prompts: 1 }],
  ["one prompt of tokens", { prompt: [5, 0, 17] }, { prompts: 1 }],
  ["prompts of tokens", { prompt: [[5, 6], [7], []] }, { prompts: 3 }],
  ["prompts of any length, and of any kind", { prompt: ["a".repeat(100), [1], {}, null, ""] }, {
    prompts: 5,
  }],
  ["none of a fallback's alone", { fallbacks: [{ max_tokens: 9 }] }, { outputBound: null }],
  ["max_tool_calls", { max_tool_calls: 2 }, { maxToolCalls: 2 }, "/responses"],
  ["no bound of tool calls that is none", { max_tool_calls: 1e17 }, {
    maxToolCalls: null,
  }, "/responses"],
  [
    "no bound of tool calls that says when to stop in its place",
    {
      max_tool_calls: 0,
      stop_server_tools_when: [{ type: "step_count_is", step_count: 30 }],
    },
    { maxToolCalls: null },
    "/responses",
  ],
  [
    "one beside nothing that says when to stop",
    {
      max_tool_calls: 2,
      stop_server_tools_when: null,
    },
    { maxToolCalls: 2 },
    "/responses",
  ],
  ["no bound of tool calls that a chat has not", { max_tool_calls: 0 }, { maxToolCalls: null }],
  ["n", { n: 4 }, { answers: 4 }],
  ["one answer at least", { n: 0 }, { answers: 1 }],
  ["the larger n of a repeated one", '{"n":4,"n":1}', { answers: 4 }],
  ["no bound below zero", { max_tokens: -1 }, { outputBound: null }],
  ["no bound of a fallback's below zero", { max_tokens: 5, fallbacks: [{ max_tokens: -1 }] }, {
    outputBound: null,
  }],
  ["no bound that a tool sets itself", {
    max_tokens: 5,
    tools: [{ type: "function", max_tokens: 9 }],
  }, { outputBound: 5 }],
  ["an image", { messages: [{ content: [{ type: "image_url", image_url: { url: "x" } }] }] }, {
    mediaParts: 1,
  }],
  [
    "images, sounds, films and documents",
    {
      messages: [{
        content: [
          { type: "text", text: "image" },
          { type: "image", source: { type: "url", url: "x" } },
          { type: "input_audio", input_audio: { data: "x" } },
          { type: "video_url", video_url: { url: "x" } },
          { type: "file", file: { file_data: "x" } },
          { type: "document", source: { type: "base64", data: "x" } },
          { image_url: "x" },
        ],
      }],
    },
    { mediaParts: 6 },
  ],
  ["every type of part that is no text", {
    input: [
      ...["audio", "audio_url", "document", "file", "image", "image_url", "video", "video_url"],
      ...["input_audio", "input_document", "input_file", "input_image", "input_video"],
    ].map((type) => ({ type, data: "x" })),
  }, { mediaParts: 13 }],
  ...["document", "file", "input_document", "input_file"].map((
    type,
  ): Fact => [`a document: ${type}`, { input: [{ type }] }, {
    hasDocument: true,
    hasLongMedia: true,
  }]),
  ...["file_data", "file_url"].map((
    name,
  ): Fact => [`a document: ${name}`, { messages: [{ content: [{ file: { [name]: "x" } }] }] }, {
    hasDocument: true,
  }]),
  ["a summary of a long prompt", {
    context_management: {
      edits: [{ type: "clear_tool_uses_20250919" }, { type: "compact_20260112" }],
    },
  }, { compacts: true }],
  ["no summary elsewhere", {
    context_management: { edits: [{ type: "clear_thinking_20251015" }] },
    messages: [{ content: [{ type: "compact_20260112" }] }],
  }, { compacts: false }],
  ["no document among other media", {
    input: ["audio", "image", "video"].map((type) => ({ type })),
  }, { hasDocument: false }],
  ["an image that the body holds", {
    messages: [{ content: [{ type: "image_url", image_url: { url: PNG, detail: "high" } }] }],
  }, { mediaParts: 1, images: 1, hasLongMedia: false }],
  [
    "an image that the body holds, as a text",
    {
      input: [{ content: [{ image_url: PNG, type: "input_image" }] }],
    },
    { mediaParts: 1, images: 1, hasLongMedia: false },
    "/responses",
  ],
  [
    "an image that the body holds, of a message",
    {
      messages: [{ content: [{ source: { data: "iVBO", ...PNG_SOURCE }, type: "image" }] }],
    },
    { mediaParts: 1, images: 1, hasLongMedia: false },
    "/messages",
  ],
  [
    "an image in a tool's answer",
    {
      messages: [{
        content: [{
          type: "tool_result",
          content: [{ type: "image", source: { ...PNG_SOURCE, data: "iVBO" } }],
        }],
      }],
    },
    { images: 1, hasLongMedia: false },
    "/messages",
  ],
  [
    "an image whose slashes are escaped",
    `{"messages":[{"content":[{"type":"image_url","image_url":"data:image\\/png;base64,iVBO"}]}]}`,
    { images: 1, hasLongMedia: false },
  ],
  ["several images", {
    messages: [{
      content: [{ type: "image_url", image_url: { url: PNG } }, {
        type: "IMAGE",
        source: { data: "iVBO", type: "Base64", media_type: "image/jpeg" },
      }],
    }],
  }, { mediaParts: 2, images: 2, hasLongMedia: false }],
  [
    "a picture of a screen",
    {
      input: [{
        type: "computer_call_output",
        output: { type: "computer_screenshot", image_url: PNG },
      }],
    },
    { mediaParts: 1, images: 1, hasLongMedia: false },
    "/responses",
  ],
  [
    "how much of the text images are",
    {
      input: [{ type: "input_image", image_url: "data:image/png;base64," + "A".repeat(1e6) }],
    },
    { images: 1, imageBytes: 1_000_024 },
    "/responses",
  ],
  [
    "how much of the text a message's images are",
    {
      messages: [{
        content: [{ type: "image", source: { ...PNG_SOURCE, data: "A".repeat(1e6) } }],
      }],
    },
    { images: 1, imageBytes: 1_000_002 },
    "/messages",
  ],
  ...["png", "jpeg", "jpg", "gif", "webp", "bmp", "heic", "heif", "avif"].map((format): Fact => [
    `one image, as ${format}`,
    {
      input: [
        { type: "image_url", image_url: { url: `data:image/${format};base64,iVBO` } },
        { type: "image", source: { ...PNG_SOURCE, media_type: `image/${format}`, data: "iVBO" } },
      ],
    },
    { images: 2, hasLongMedia: false },
  ]),
  ...READ_AS_TEXT.map((body): Fact => [
    `text, whatever it looks like: ${JSON.stringify(body).slice(0, 90)}`,
    body,
    { images: 0, imageBytes: 0 },
  ]),
  ...ANYTHING.map((part): Fact => [
    `media of any length: ${JSON.stringify(part).slice(0, 90)}`,
    typeof part === "string" ? part : { messages: [{ content: [part] }] },
    { hasLongMedia: true },
  ]),
  ["a source of what is no image", {
    messages: [{
      content: [
        { type: "search_result", source: "https://a.example", content: [] },
        { type: "text", text: "x", source: { type: "url", url: "x" } },
        { type: "image", image_url: PNG, source: null },
      ],
    }],
  }, { images: 1, hasLongMedia: false }],
  ["what a client's tool answered", {
    messages: [{ content: [{ type: "tool_result", content: [{ type: "image", source: {} }] }] }],
  }, { mediaParts: 1 }],
  ["no media in a schema, or in a call", {
    tools: [{ type: "function", parameters: { image_url: "x" } }],
    messages: [{ content: [{ type: "tool_use", input: { image_url: "x" } }] }],
  }, { mediaParts: 0 }],
  ["no cache", { messages: [{ content: "cache_control" }] }, { caching: "none" }],
  ["what an image is drawn after", { input_references: [{ name: "x" }] }, { mediaParts: 1 }],
  ["no cache, by null", { cache_control: null }, { caching: "none" }],
  ["a cache", { system: [{ cache_control: { type: "ephemeral" } }] }, { caching: "short" }],
  ["five minutes", { tools: [{ cache_control: { ttl: "5m" } }] }, { caching: "short" }],
  ["no time", { tools: [{ cache_control: { ttl: null } }] }, { caching: "short" }],
  ["an hour", { messages: [{ content: [{ cache_control: { ttl: "1h" } }] }] }, { caching: "long" }],
  ["a time that nobody knows", { cache_control: { ttl: "10m" } }, { caching: "long" }],
  ["a time that is no text", { cache_control: { ttl: 300 } }, { caching: "long" }],
  ["an hour before five minutes", '{"a":{"cache_control":{"ttl":"1h","ttl":"5m"}}}', {
    caching: "long",
  }],
  ["an hour, then five minutes elsewhere", {
    a: { cache_control: { ttl: "1h" } },
    b: { cache_control: {} },
  }, { caching: "long" }],
  ["ordinary tiers", {
    service_tier: "auto",
    speed: "priority",
    provider: { only: ["a", "fast", "a/fast-one"], order: "openai/flex", ignore: ["openai/fast"] },
    order: ["openai/fast"],
  }, { isPriority: false, ignoresPrice: false }],
  ["priority", { service_tier: "priority" }, { isPriority: true, ignoresPrice: false }],
  ["the fast tier", { service_tier: "FAST" }, { isPriority: true }],
  ["speed", { speed: "fast" }, { isPriority: true, ignoresPrice: false }],
  ["a provider's fast tier alone", { provider: { only: ["a/b", "OpenAI/Fast"] } }, {
    isPriority: true,
    ignoresPrice: false,
  }],
  ["a provider's fast tier before others", { provider: { order: ["openai/priority", "azure"] } }, {
    isPriority: true,
  }],
  ["a provider's fast tier, for a fallback", {
    fallbacks: [{ model: "a/b", provider: { only: ["anthropic/fast"] } }],
  }, { isPriority: true }],
  ["whoever is quickest", { provider: { sort: "Throughput" } }, {
    isPriority: false,
    ignoresPrice: true,
  }],
  ["whoever is quickest, said at length", {
    provider: { sort: { by: "throughput", partition: "model" } },
  }, { ignoresPrice: true }],
  ["whoever is quickest, for a fallback", {
    fallbacks: [{ model: "a/b", provider: { sort: "throughput" } }],
  }, { ignoresPrice: true }],
  ["whoever answers soonest", { provider: { sort: "latency" } }, { ignoresPrice: true }],
  ["whoever is best", { provider: { sort: { by: "exacto" } } }, { ignoresPrice: true }],
  ["who knows whom", { provider: { sort: "new" } }, { ignoresPrice: true }],
  ["whoever is cheapest", { provider: { sort: "Price" } }, { ignoresPrice: false }],
  ["whoever is cheapest, said at length", {
    provider: { sort: { by: "price", partition: "throughput" } },
    sort: "throughput",
    metadata: { provider: { sort: "throughput" } },
  }, { ignoresPrice: false }],
  ["a fallback's tier", { fallbacks: [{ service_tier: "priority" }] }, { isPriority: true }],
  ["a fallback's speed", { fallbacks: [{ speed: "fast" }] }, { isPriority: true }],
  ["what a tool of OpenRouter's is given, whose type comes last", {
    tools: [{
      parameters: {
        models: [{ model: "a/b", speed: "fast", provider: { sort: "throughput" } }],
        cache_control: { ttl: "1h" },
        content: [{ type: "image" }],
      },
      type: "openrouter:fusion",
    }],
  }, { isPriority: true, ignoresPrice: true, caching: "long", mediaParts: 1 }],
  ["nothing in the schema of a client's tool", {
    tools: [{
      parameters: {
        models: [{ model: "a/b", speed: "fast", provider: { sort: "throughput" } }],
        cache_control: {},
      },
      type: "function",
    }],
  }, { isPriority: false, ignoresPrice: false, caching: "none" }],
  ["no tier of a tool's", {
    tools: [{ type: "function", speed: "fast", service_tier: "priority" }],
  }, { isPriority: false }],
  ["a mode of reasoning alone", { prompt_cache_options: { mode: "explicit" }, mode: "pro" }, {
    modes: [],
  }],
  ["an escaped tier", '{"sp\\u0065ed":"f\\u0061st"}', { isPriority: true }],
  ["either of a repeated tier", '{"speed":"fast","speed":"standard"}', { isPriority: true }],
  ["either of a repeated service tier", '{"service_tier":"priority","service_tier":"default"}', {
    isPriority: true,
  }],
  ["max_price", { provider: { max_price: { prompt: 1, completion: "2.5", image: 0.01, x: 1 } } }, {
    priceBounds: {
      prompt: { units: 10n ** 12n, isCertain: true },
      completion: { units: 25n * 10n ** 11n, isCertain: true },
      image: { units: 10n ** 16n, isCertain: true },
    },
  }],
  ["a max_price of nothing", { provider: { max_price: { prompt: 0, completion: "0.0" } } }, {
    priceBounds: {
      prompt: { units: 0n, isCertain: true },
      completion: { units: 0n, isCertain: true },
    },
  }],
  ["no max_price that is none", { provider: { max_price: { prompt: "x", request: -1 } } }, {
    priceBounds: {},
  }],
  ["a repeated max_price", '{"provider":{"max_price":{"prompt":1,"prompt":2}}}', {
    priceBounds: { prompt: { units: 2n * 10n ** 12n, isCertain: false } },
  }],
  [
    "a max_price that is given anew",
    '{"provider":{"max_price":{"prompt":1},"max_price":{"image":1}}}',
    {
      priceBounds: {
        prompt: { units: 10n ** 12n, isCertain: false },
        image: { units: 10n ** 18n, isCertain: false },
      },
    },
  ],
  ["a max_price, rounded up", { provider: { max_price: { prompt: "0.0000000000015" } } }, {
    priceBounds: { prompt: { units: 2n, isCertain: true } },
  }],
  ["a repeated provider", '{"provider":{"max_price":{"prompt":1}},"provider":{}}', {
    priceBounds: { prompt: { units: 10n ** 12n, isCertain: false } },
  }],
  ["a fallback's own provider", {
    provider: { max_price: { prompt: 1 } },
    fallbacks: [{ provider: {} }],
  }, { priceBounds: { prompt: { units: 10n ** 12n, isCertain: false } } }],
];

for (const [what, body, facts, path] of FACTS) {
  Deno.test(`what a request asks for: ${what}`, async () => {
    const asks: Asks = await asked(body, path);
    // Media are images of a bounded length, or of any.
    assert.ok(asks.mediaParts === 0 || asks.images > 0 || asks.hasLongMedia);
    const found = Object.fromEntries(
      Object.keys(facts).map((key) => [key, asks[key as keyof Asks]]),
    );
    assert.deepEqual(found, facts);
  });
}
