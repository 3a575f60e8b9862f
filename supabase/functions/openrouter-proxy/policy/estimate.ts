/**
 * What a request may cost, before it is sent: an amount to reserve for each model that may run.
 *
 * The amounts are those of the listed prices, each time the dearest of what may apply. What no list
 * tells is that a dearer provider may serve the request; `provider.max_price` in its body forbids it.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import { dividedUp, usdText, usdUnits } from "../bytes/usd.ts";
import { type Caching, USUAL_CHARACTERS, USUAL_RESULTS } from "./asked.ts";
import type { Asks, ServerToolAsked } from "./asks.ts";
import type { Catalogue } from "./catalogue.ts";
import { inMode, isFreeName, isRouter } from "./model_names.ts";
import type { ListedModel, PriceName } from "./price_list.ts";
import { dearest, isFreeOfCharge, isPriced, searchedUnasked, writesUnasked } from "./prices.ts";
import { MAX_USES, serverToolKind } from "./server_tools.ts";
import { tokensOf } from "./tokens.ts";
import { isListed, type Listed, listedUnder } from "./variants.ts";

/** In OpenRouter's credits, of which its prices are, as exact decimals. */
export type Estimate =
  | { usd: string }
  /**
   * The request bounds no output. `output_tokens` is the model's own bound; null: none is known.
   * Whoever takes fewer has no bound.
   */
  | { usd: string; usd_per_output_token: string; output_tokens: number | null }
  /** No list has its price: of a model, or of a job. */
  | { unknown: "price" | "job" };

export interface Appraisal {
  models: string[];
  /** Those that gateway_settings.allowed_server_tools has to allow. */
  serverTools: ServerToolAsked[];
  /** Completes "…, so that what runs is not known"; null: it follows from `models`. */
  runsUnnamed: string | null;
  freeModel: boolean;
  /** One for each thing that may run; the dearest counts. */
  estimate: Estimate[];
}

/** What the results of one tool's use add to the next step's prompt, unless it is asked for more. */
const TOKENS_PER_USE = 8_192;
/** What OpenRouter takes of a result. */
const MAX_CHARACTERS = 100_000;
const CHARACTERS_PER_TOKEN = 3;
/**
 * More than any provider makes of one image, whatever its size: gpt-4o-mini makes 48 169 of it, which is
 * 2 833 and 5 667 for each of 8 tiles, others some thousands.
 */
const TOKENS_PER_IMAGE = 65_536;
/** What a model writes to use a tool: the rest of its output comes at the end. */
const OUTPUT_TOKENS_PER_USE = 1_024;
/** What a search finds for its price, what each result more costs, and how many an engine gives. */
const INCLUDED_RESULTS = 10;
const USD_PER_RESULT = "0.001";
const MAX_RESULTS = 100;
/**
 * By how many halves the prices of a dearer tier are multiplied, as far as is known: GPT-5.5's by two and a
 * half, Anthropic's by six at most. Whoever is quickest or best is taken for twice as dear as the
 * cheapest.
 */
const ORDINARY_HALVES = 2n;
const ANYONES_HALVES = 4n;
const PRIORITY_HALVES = 5n;
const ANTHROPICS_PRIORITY_HALVES = 12n;
const ANTHROPICS = /^anthropic\//i;
/**
 * What no call costs, in units of 1e-18 of a credit, and no token: a body can ask for any number of
 * images, and allow any price. Postgres takes no amount of over 1e9 USD.
 */
const MOST = 10n ** 26n;
const MOST_PER_TOKEN = 10n ** 18n;
const PROMPT_PRICES: Readonly<Record<Caching, readonly PriceName[]>> = {
  none: ["prompt"],
  short: ["prompt", "input_cache_write"],
  long: ["prompt", "input_cache_write", "input_cache_write_1h"],
};
const REQUEST_PRICES: readonly PriceName[] = ["request"];
const IMAGE_PRICES: readonly PriceName[] = ["image"];
const OUTPUT_PRICES: readonly PriceName[] = [
  "completion",
  "internal_reasoning",
  "image_output",
  "audio_output",
];

/** @param catalogue is ready */
export function appraise(asks: Asks, catalogue: Pick<Catalogue, "find">): Appraisal {
  const { serverTools, freeModel } = asks;
  const models = modelsOf(asks, catalogue.find);
  const estimate: Estimate[] = [];
  let isUnknown = asks.unnamed !== null || models.length === 0 ||
    serverTools.some(hasNoPrice);
  let router: string | null = null;
  for (let i = 0; i < models.length; i++) {
    const name = models[i]!;
    const listed = listedUnder(name, catalogue.find);
    const amount = listed && estimateOf(asks, listed);
    if (amount === null || isParsed(asks, listed!)) isUnknown = true;
    if (amount !== null) estimate.push(amount);
    if (!choosesAnother(name, listed)) continue;
    router ??= name;
    if (!isFreeName(name)) isUnknown = true;
  }
  if (isUnknown) estimate.push({ unknown: asks.charges === "job" ? "job" : "price" });
  const runsUnnamed = asks.unnamed ?? (router === null ? null : `${router} chooses a model`);
  return { models, serverTools: serverTools.filter(needsLeave), runsUnnamed, freeModel, estimate };
}

function hasNoPrice({ name }: ServerToolAsked): boolean {
  return serverToolKind(name).usdPerUse === null;
}

/** Whether gateway_settings.allowed_server_tools has to allow it. */
function needsLeave({ name }: ServerToolAsked): boolean {
  const { isShared, isOpen } = serverToolKind(name);
  return !isShared && !isOpen;
}

/**
 * The models that may run: those that are named, and those that `reasoning.mode` makes of them. Of a
 * listed model there is such a one only where that is listed, too; of another one nobody knows.
 */
function modelsOf({ models, modes }: Asks, find: Catalogue["find"]): string[] {
  return distinct(modes.length === 0 ? models : [...models, ...inModes(models, modes, find)]);
}

function inModes(
  models: readonly string[],
  modes: readonly string[],
  find: Catalogue["find"],
): string[] {
  return models.flatMap((name) =>
    modes.map((mode) => inMode(name, mode)).filter((other) =>
      isListed(other, find) || !isListed(name, find)
    )
  );
}

/** Whether OpenRouter reads documents in the model's place, and charges each of their pages. */
function isParsed({ charges, hasDocument }: Asks, { model }: Listed): boolean {
  return charges === "tokens" && hasDocument && !model.readsFiles;
}

/** A router, unless it has prices of its own. */
function choosesAnother(name: string, listed: Listed | null): boolean {
  if (listed?.model.isRouter) return true;
  return isRouter(name) && !(listed && isPriced(listed.model, "tokens"));
}

/** What one of the models may cost; null: nobody knows. */
function estimateOf(asks: Asks, listed: Listed): Estimate | null {
  const { charges, outputBound, priceBounds } = asks;
  const { model } = listed;
  const uses = usesOf(asks);
  const { serverTools } = asks;
  const tools = serverTools.length === 0 ? 0n : toolsPrice(serverTools, uses, model);
  if (charges === "tokens" && isFreeOfCharge(model)) return { usd: atMost(MOST, tools) };
  const prompts = promptsOf(asks, uses, model);
  if (!isPriced(model, charges) || prompts === null) return null;
  const { longest } = prompts;
  const perToken = dearest(model, promptPrices(asks, model), longest, priceBounds);
  const perRequest = dearest(model, REQUEST_PRICES, longest, priceBounds);
  const perOutputToken = dearest(model, OUTPUT_PRICES, longest, priceBounds);
  const perImage = dearest(model, IMAGE_PRICES, longest, priceBounds);
  const halves = tierHalves(asks, listed);
  const answers = charges === "images" ? asks.answers : 1;
  const prompt = times(prompts.tokens, perToken);
  const each = perRequest + times(asks.mediaParts, perImage);
  const unasked = charges === "tokens" ? searchedUnasked(model) : 0n;
  const steps = inTier(halves, prompt + times(prompts.steps, each));
  const fixed = times(answers, steps) + tools + unasked;
  const perOutput = charges === "prompt"
    ? 0n
    : times(outputsOf(asks), times(answers, inTier(halves, perOutputToken)));
  const own = model.maxOutputTokens ?? model.contextLength;
  // The list's bound is its provider's. What asks for more goes to one that has no such bound.
  const most = Math.min(outputBound ?? own ?? Infinity, model.contextLength ?? Infinity);
  const withTools = fixed + times(uses * Math.min(OUTPUT_TOKENS_PER_USE, most), perOutput);
  if (perOutput === 0n) return { usd: atMost(MOST, fixed) };
  if (outputBound === null || charges === "images") {
    const usd_per_output_token = atMost(MOST_PER_TOKEN, perOutput);
    return { usd: atMost(MOST, withTools), usd_per_output_token, output_tokens: own };
  }
  return { usd: atMost(MOST, withTools + times(most, perOutput)) };
}

/** Most things are there once, or not at all: then nothing is to be reckoned. */
function times(count: number, units: bigint): bigint {
  if (count === 0) return 0n;
  return count === 1 ? units : BigInt(count) * units;
}

function inTier(halves: bigint, units: bigint): bigint {
  return halves === ORDINARY_HALVES ? units : dividedUp(units * halves, 2n);
}

function atMost(most: bigint, units: bigint): string {
  return usdText(units < most ? units : most);
}

/** How often tools may be used, all together. */
function usesOf({ serverTools, maxToolCalls }: Asks): number {
  const uses = serverTools.reduce(withUses, 0);
  return Math.min(uses, maxToolCalls ?? MAX_USES, MAX_USES);
}

function withUses(sum: number, { uses }: ServerToolAsked): number {
  return sum + uses;
}

/** How many outputs there may be, each as long as it is bound to be: a summary is one. */
function outputsOf({ prompts, compacts }: Asks): number {
  return prompts * (compacts ? 2 : 1);
}

/** The prompts of all steps: how many there are, and the tokens of the longest one and of all together. */
interface Prompts {
  steps: number;
  longest: number;
  tokens: number;
}

/**
 * There is one step, one more for each use of a tool, and one of a summary. Null: nobody knows how many
 * tokens they have.
 */
function promptsOf(asks: Asks, uses: number, model: ListedModel): Prompts | null {
  const { charges, text, mediaParts, images, imageBytes, hasLongMedia, compacts } = asks;
  const most = model.contextLength ?? Infinity;
  if (charges === "prompt") {
    const { times, tokens } = asks.queriesAgain;
    // Each of many inputs, or documents, may be as long as the context.
    const media = mediaParts > 0 ? mediaParts * most : 0;
    const read = tokensOf(text) + times * Math.min(tokens, most) + media;
    return Number.isSafeInteger(read) ? { steps: 1, longest: read, tokens: read } : null;
  }
  const writtenText = imageBytes === 0 ? text : { ...text, bytes: text.bytes - imageBytes };
  const first = hasLongMedia ? most : tokensOf(writtenText) + images * TOKENS_PER_IMAGE;
  if (first === Infinity) return null;
  const perUse = asks.serverTools.reduce(mostFound, TOKENS_PER_USE);
  const steps = 1 + uses + (compacts ? 1 : 0);
  let longest = 0;
  let tokens = 0;
  for (let step = 0; step < steps; step++) {
    longest = Math.min(most, first + step * perUse);
    tokens += longest;
  }
  return { steps, longest, tokens };
}

/** What one use adds to the next prompt at most, as far as the request says how much it is to find. */
function mostFound(most: number, { results, characters }: ServerToolAsked): number {
  const found = Math.min(results || USUAL_RESULTS, MAX_RESULTS);
  const each = Math.min(characters || USUAL_CHARACTERS, MAX_CHARACTERS);
  return Math.max(most, Math.ceil(found * each / CHARACTERS_PER_TOKEN));
}

/** What a token of the prompt may be charged as. */
function promptPrices(
  { caching, mediaParts }: Asks,
  model: ListedModel,
): readonly PriceName[] {
  const written = PROMPT_PRICES[caching === "none" && writesUnasked(model) ? "short" : caching];
  return mediaParts > 0 ? [...written, "audio", "image_token"] : written;
}

function tierHalves({ isPriority, ignoresPrice }: Asks, listed: Listed): bigint {
  const { model, isNitro, isExacto } = listed;
  if (!isPriority && !isNitro) return ignoresPrice || isExacto ? ANYONES_HALVES : ORDINARY_HALVES;
  return ANTHROPICS.test(model.id) ? ANTHROPICS_PRIORITY_HALVES : PRIORITY_HALVES;
}

function toolsPrice(tools: readonly ServerToolAsked[], uses: number, model: ListedModel): bigint {
  let price = 0n;
  for (const tool of tools) price += toolPrice(tool, uses, model);
  return price;
}

function toolPrice(tool: ServerToolAsked, allUses: number, model: ListedModel): bigint {
  const { name, uses, results } = tool;
  const usual = usdUnits(serverToolKind(name).usdPerUse ?? "0")!;
  return (name === "web_search" ? searchPrice(usual, results, model) : usual) *
    BigInt(Math.min(uses, allUses));
}

/** The dearer of the model's own search and of the engine that the request may choose. */
function searchPrice(ofEngine: bigint, results: number, { prices }: ListedModel): bigint {
  const more = Math.min(Math.max(results - INCLUDED_RESULTS, 0), MAX_RESULTS);
  const withResults = ofEngine + usdUnits(USD_PER_RESULT)! * BigInt(more);
  const ofModel = prices.web_search ?? 0n;
  return ofModel > withResults ? ofModel : withResults;
}

function distinct(names: string[]): string[] {
  return names.length < 2 ? names : [...new Set(names)];
}
