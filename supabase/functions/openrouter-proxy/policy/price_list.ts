/**
 * OpenRouter's list of models as far as prices need it.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import { isObject } from "../bytes/encodings.ts";
import { usdUnits } from "../bytes/usd.ts";

/** Members of `pricing`: USD for a token, but for `request`, `image` and `web_search`, which are one each. */
const PRICES = [
  "prompt",
  "completion",
  "request",
  "image",
  "image_output",
  "image_token",
  "audio",
  "audio_output",
  "input_cache_write",
  "input_cache_write_1h",
  "internal_reasoning",
  "web_search",
] as const;

export type PriceName = typeof PRICES[number];
/** Units of 1e-18 USD. What is not listed is missing. */
export type Prices = Readonly<Partial<Record<PriceName, bigint>>>;

/** Prices that take the place of the ordinary ones from some length of the prompt on, or at some hours. */
export interface PriceOverride {
  readonly fromTokens: number;
  readonly prices: Prices;
}

export interface ListedModel {
  /** As it is written in the list. */
  readonly id: string;
  /** Tokens; null: the list does not say. */
  readonly contextLength: number | null;
  /** Tokens that come out at most; null: the list does not say. */
  readonly maxOutputTokens: number | null;
  /** Whether its prices are those of the model that it chooses. */
  readonly isRouter: boolean;
  /** Whether it reads documents itself. */
  readonly readsFiles: boolean;
  readonly prices: Prices;
  readonly overrides: readonly PriceOverride[];
}

/** By id, in lower case. */
export type PriceList = ReadonlyMap<string, ListedModel>;

/**
 * Reads the answer to `GET /models`. Entries that are no models, or have prices that are none, are left
 * out.
 *
 * @throws {SyntaxError} where it is no JSON; {@linkcode TypeError} where it is no list of models
 */
export function readPriceList(json: string): PriceList {
  const answer: unknown = JSON.parse(json);
  const data = isObject(answer) ? answer.data : null;
  if (!Array.isArray(data)) throw new TypeError("the list of models has no `data`");
  const models = data.flatMap((entry) => listedModel(entry) ?? []);
  return new Map(models.map((model) => [model.id.toLowerCase(), model]));
}

function listedModel(entry: unknown): ListedModel | null {
  if (!isObject(entry) || typeof entry.id !== "string" || !isObject(entry.pricing)) return null;
  const prices = readPrices(entry.pricing);
  const overrides = readOverrides(entry.pricing.overrides);
  if (prices?.prompt === undefined || overrides === null) return null;
  const provider = isObject(entry.top_provider) ? entry.top_provider : {};
  const { input_modalities } = isObject(entry.architecture) ? entry.architecture : {};
  return {
    id: entry.id,
    contextLength: tokens(entry.context_length),
    maxOutputTokens: tokens(provider.max_completion_tokens),
    isRouter: Object.values(prices).some((price) => price < 0n),
    readsFiles: Array.isArray(input_modalities) && input_modalities.includes("file"),
    prices,
    overrides,
  };
}

/** Null: one of them is no price. */
function readPrices(pricing: Record<string, unknown>): Prices | null {
  const prices: Partial<Record<PriceName, bigint>> = {};
  for (const name of PRICES) {
    const price = pricing[name];
    if (price === undefined || price === null) continue;
    const units = typeof price === "string" || typeof price === "number"
      ? usdUnits(String(price))
      : null;
    if (units === null) return null;
    prices[name] = units;
  }
  return prices;
}

function readOverrides(value: unknown): PriceOverride[] | null {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return null;
  const overrides = value.map((override) => {
    if (!isObject(override)) return null;
    // The prices stand among its other members, or in one of their own.
    const prices = readPrices(isObject(override.prices) ? override.prices : override);
    return prices && { fromTokens: tokens(override.min_prompt_tokens) ?? 0, prices };
  });
  return overrides.every((override) => override !== null) ? overrides : null;
}

function tokens(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}
