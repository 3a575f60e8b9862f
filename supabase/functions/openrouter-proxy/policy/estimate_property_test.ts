/**
 * A property over random requests: the simulator, at the dearest that openrouter.md allows, never charges
 * more than an estimate that is a bound. The seed is new in each run and printed; `FAST_CHECK_SEED=<seed>`
 * repeats its requests.
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import type { Call } from "../../../../scripts/simulator/call.ts";
import { models } from "../../../../scripts/simulator/catalogue.ts";
import { tierOf } from "../../../../scripts/simulator/model_choice.ts";
import { decimal, usd } from "../../../../scripts/simulator/money.ts";
import {
  findModel,
  type Model,
  MODELS,
  upstreamPrice,
} from "../../../../scripts/simulator/pricing.ts";
import { toolUse } from "../../../../scripts/simulator/server_tools.ts";
import { imageCount, promptTokens } from "../../../../scripts/simulator/tokens.ts";
import { asked } from "../testing/asking.ts";
import { loosenessOf } from "../testing/looseness.ts";
import { appraise, type Estimate } from "./estimate.ts";
import { readPriceList } from "./price_list.ts";

const seed = Number(Deno.env.get("FAST_CHECK_SEED") ?? Date.now() % 2 ** 31);
console.log(`fast-check seed: ${seed}`);

const CASES = 5_000;
/** Fewer would say that the requests are not those that the property is about. */
const MIN_BOUND = 1_000;

const { body: LISTED } = models(
  { query: new URLSearchParams("output_modalities=all") } as unknown as Call,
);
const list = readPriceList(String(LISTED));
const CATALOGUE = { find: (id: string) => list.get(id.toLowerCase()) ?? null };

type Body = Record<string, unknown>;

const sentence = (...parts: string[]) =>
  fc.array(fc.constantFrom(...parts), { maxLength: 60 }).map((chosen) => chosen.join(""));
const SHORT_TEXT = fc.oneof(
  sentence("the ", "quick ", "brown ", "fox ", "jumps. "),
  sentence("if (a[i] === null) {\n", "\treturn x;\n", "}\n", 'log("é");\n'),
  sentence("0", "17", "3.14159 ", "2026-11-27 "),
  sentence("中文", "字符", "日本語", "한국어"),
  sentence("🙂", "👩‍👩‍👧", "é", "ñ"),
  fc.base64String({ maxLength: 400 }),
);
const TEXT = fc.oneof(
  { weight: 39, arbitrary: SHORT_TEXT },
  // Long enough for the dearer prices of long prompts; and of 850 kB, which is read several times.
  { weight: 1, arbitrary: fc.constant("word ".repeat(170_000)) },
);

const ID = fc.constantFrom(...MODELS.map(({ id }) => id));
const NAME = fc.oneof(
  { weight: 8, arbitrary: ID },
  { weight: 1, arbitrary: ID.map((id) => `${id}:floor`) },
  { weight: 1, arbitrary: fc.constantFrom("~openai/gpt-latest", "@preset/x", "x/y", "a/b:online") },
);
const CACHE = fc.constantFrom(
  {},
  {},
  { cache_control: {} },
  { cache_control: { ttl: "1h" } },
  { prompt_cache_breakpoint: { mode: "explicit" } },
);
const PNG = "data:image/png;base64,iVBORw0KGgo=";
/** What the greediest provider makes of one image (docs/openrouter.md, "Prices"). */
const MOST_IMAGE_TOKENS = 48_169;
const MEDIA = fc.constantFrom(
  [],
  [],
  [{ type: "image_url", image_url: { url: "data:," } }],
  [{ type: "image_url", image_url: { url: PNG } }],
  [{ type: "input_image", image_url: PNG }, { type: "image_url", image_url: { url: PNG } }],
  [{ type: "input_audio", input_audio: { data: "" } }, { type: "image_url", image_url: {} }],
);
const MESSAGES = fc.tuple(TEXT, CACHE, MEDIA).map(([text, cache, media]) => [
  { role: "user", content: [{ type: "text", text, ...cache }, ...media] },
]);

const often = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const rarely = <Value>(arbitrary: fc.Arbitrary<Value>) =>
  fc.integer({ min: 0, max: 11 }).chain((n) =>
    n === 0 ? arbitrary.map((value): Value | undefined => value) : fc.constant(undefined)
  );

const OUTPUT = fc.integer({ min: 0, max: 200_000 });
const PRICE = fc.constantFrom(0.1, "0.15", 3, 6, 15, 25, 100);
const SHARED = {
  model: NAME,
  models: rarely(fc.array(NAME, { maxLength: 2 })),
  fallbacks: rarely(fc.array(fc.oneof(NAME, NAME.map((model) => ({ model }))), { maxLength: 2 })),
  max_tokens: often(OUTPUT),
  max_completion_tokens: often(OUTPUT),
  max_output_tokens: often(fc.oneof(OUTPUT, fc.constant(null))),
  service_tier: rarely(fc.constantFrom("auto", "priority")),
  provider: rarely(fc.record({ max_price: fc.record({ prompt: PRICE, completion: PRICE }) })),
  tools: rarely(fc.array(
    fc.constantFrom({ type: "function" }, { type: "openrouter:web_search", max_uses: 1 }, {
      type: "openrouter:subagent",
      parameters: { model: "openai/gpt-4o" },
    }),
    { maxLength: 2 },
  )),
  plugins: rarely(fc.constantFrom([{ id: "web" }], [{ id: "response-healing" }])),
};
const CALLS: fc.Arbitrary<[path: string, body: Body]> = fc.oneof(
  fc.tuple(
    fc.constantFrom("/chat/completions", "/messages"),
    fc.record({ ...SHARED, messages: MESSAGES }),
  ),
  fc.tuple(fc.constant("/responses"), fc.record({ ...SHARED, input: fc.oneof(TEXT, MESSAGES) })),
  fc.tuple(fc.constant("/completions"), fc.record({ ...SHARED, prompt: TEXT })),
  fc.tuple(
    fc.constant("/embeddings"),
    fc.record({ model: NAME, input: fc.array(TEXT, { maxLength: 3 }) }),
  ),
);

/** Those that an API has: it passes over another one's. */
const OUTPUT_BOUNDS: Record<string, string[]> = {
  "/chat/completions": ["max_tokens", "max_completion_tokens"],
  "/completions": ["max_tokens"],
  "/messages": ["max_tokens"],
  "/responses": ["max_output_tokens"],
};

/** JSON, its characters beyond ASCII escaped or not. */
function written(body: Body, isEscaped: boolean): string {
  const json = JSON.stringify(body);
  if (!isEscaped) return json;
  return json.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The body as OpenRouter may count it: at its densest, one token for each byte that is no ASCII. */
function mostTokens(body: Body): number {
  const rest = JSON.stringify([body.messages, body.input, body.prompt].map(textsIn));
  const bytes = new TextEncoder().encode(rest).length;
  const ascii = rest.replaceAll(/[^\0-\x7f]/g, "").length;
  return Math.max(promptTokens(body), Math.ceil(ascii / 3) + bytes - ascii);
}

function textsIn(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null
    ? Object.values(value).map(textsIn).join("")
    : "";
}

/** The model with the prices that `max_price` lets the dearest provider have; null: none may serve it. */
function atMost(model: Model, { provider }: Body): Model | null {
  const most: Record<string, unknown> = Object(Object(provider).max_price);
  const result = { ...model };
  for (const kind of ["prompt", "completion"] as const) {
    if (most[kind] === undefined) continue;
    const limit = usd(String(most[kind])) / 1_000_000n;
    if (usd(model[kind]) > limit) return null;
    result[kind] = decimal(limit);
  }
  return result;
}

/** The dearest that the simulator can charge for this model, in units of 1e-18 USD. */
function dearest(name: string, path: string, body: Body, completion: number | null): bigint {
  // No provider of a free model takes anything.
  if (name.includes(":free") || name.startsWith("openrouter/free")) return 0n;
  const found = findModel(name) ?? findModel(name.replace(/:\w+$/, ""));
  const model = found && atMost(found, body);
  if (!model) return 0n;
  const json = JSON.stringify(body);
  const hasMedia = /image_url|input_audio/.test(json);
  const isEmbedding = path === "/embeddings";
  const images = json.split(PNG).length - 1;
  const tokensIn = mostTokens(body) + images * MOST_IMAGE_TOKENS;
  const fitting = isEmbedding ? tokensIn : Math.min(tokensIn, model.contextLength);
  const isLong = /"data:,"|input_audio/.test(json);
  const prompt = isLong ? model.contextLength : fitting;
  const own = model.maxCompletionTokens ?? model.contextLength;
  const tokens = isEmbedding ? 0 : Math.min(completion ?? own, own);
  const isMarked = /cache_control|cache_breakpoint/.test(json);
  const written = isMarked || model.cachesUnasked ? [0, prompt] : [0];
  const costs = written.flatMap((cacheWrite) =>
    [{ reasoning: tokens }, { imageTokens: tokens }, {}].flatMap((output) =>
      (hasMedia && cacheWrite === 0 ? [0, prompt] : [0]).map((audio) => {
        const price = upstreamPrice(model, {
          prompt,
          cached: 0,
          cacheWrite,
          cacheWriteHour: json.includes('"ttl"') ? cacheWrite : 0,
          completion: tokens,
          ...output,
          audio,
          images: imageCount(body),
          units: 0,
        });
        return (price.prompt + price.rest) * tierOf(body) + toolUse(body, model.webSearch).cost;
      })
    )
  );
  return costs.reduce((one, other) => one > other ? one : other);
}

/** What Postgres reserves where it takes a model's whole output. */
function reserved(estimate: Estimate): bigint {
  if ("unknown" in estimate) return 0n;
  if (!("usd_per_output_token" in estimate)) return usd(estimate.usd);
  const { usd_per_output_token, output_tokens } = estimate;
  return usd(estimate.usd) + usd(usd_per_output_token) * BigInt(output_tokens!);
}

const most = (amounts: bigint[]) => amounts.reduce((one, other) => one > other ? one : other, 0n);

Deno.test("no call costs more than an estimate that is a bound", async () => {
  let bound = 0;
  let boundByModel = 0;
  await fc.assert(
    fc.asyncProperty(CALLS, fc.boolean(), async ([path, body], isEscaped) => {
      const asks = await asked(written(body, isEscaped), path);
      const { estimate } = appraise(asks, CATALOGUE);
      const looseBecause = loosenessOf(asks, CATALOGUE);
      const isBound = looseBecause.length === 0;
      const isOutputLoose = looseBecause.join() === "output_not_bounded";
      if (!isBound && !isOutputLoose) return;
      if (isBound) bound++;
      else boundByModel++;
      const bounds = (OUTPUT_BOUNDS[path] ?? []).map((name) => body[name])
        .filter((given) => typeof given === "number");
      const completion = bounds.length > 0 ? Math.max(...bounds) : null;
      const cost = most(asks.models.map((name) => dearest(name, path, body, completion)));
      const amount = most(estimate.map(reserved));
      assert.ok(amount >= cost, `${decimal(cost)} USD are more than ${decimal(amount)}`);
    }),
    { numRuns: CASES, seed },
  );
  assert.ok(bound > MIN_BOUND && boundByModel > 0, `${bound} and ${boundByModel} bounds`);
});
