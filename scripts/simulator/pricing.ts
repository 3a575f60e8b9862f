/**
 * The models that the simulator sells, and what a generation costs.
 *
 * Source: openrouter.md, "The unit of cost" and "Others" (prices are USD-per-token strings).
 */
import { usd } from "./money.ts";

/** What a generation consumed. Tokens read from and written to a cache are part of the prompt's. */
export interface Quantities {
  prompt: number;
  cached: number;
  cacheWrite: number;
  completion: number;
  /** Search units, seconds of audio or video, or characters of speech. */
  units: number;
  /** Of what is written to the cache: what stays for longer than 5 minutes. */
  cacheWriteHour?: number;
  /** Of the completion: what the model thought. */
  reasoning?: number;
  /** Of the completion: what is a part of an image. */
  imageTokens?: number;
  /** Of the prompt: what is sound. */
  audio?: number;
  /** Images in the prompt. */
  images?: number;
}

/** One model. Prices are decimal strings in USD per token, or per unit. */
export interface Model {
  id: string;
  provider: string;
  contextLength: number;
  maxCompletionTokens: number | null;
  prompt: string;
  completion: string;
  /** Prompt tokens read from the provider's cache; as `prompt` where absent. */
  cacheRead?: string;
  /** Prompt tokens written to the provider's cache; as `prompt` where absent. */
  cacheWrite?: string;
  /** What stays there for longer than 5 minutes; as `cacheWrite` where absent. */
  cacheWriteHour?: string;
  /** It writes long prompts to its cache by itself, at the price of that. */
  cachesUnasked?: true;
  /** A token that the model thought; as `completion` where absent. */
  reasoning?: string;
  /** A token of an image that it makes; as `completion` where absent. */
  imageOutput?: string;
  /** A token of sound in the prompt; as `prompt` where absent. */
  audio?: string;
  /** An image in the prompt, beside its tokens. */
  image?: string;
  /** A request, beside its tokens. */
  request?: string;
  /** A search of the web; as the tool where absent. */
  webSearch?: string;
  /** The prices of every token from this length of the prompt on. */
  longPrompt?: { fromTokens: number; prompt: string; completion: string; cacheWrite?: string };
  /** A search unit, a second, or a character. */
  unit?: string;
  /** What it makes; text where absent. */
  outputs?: string[];
  /** The customer's own provider key: OpenRouter charges a fee of 5 % of the upstream price. */
  byok?: true;
  /** The provider cannot stop: an aborted stream costs the whole answer. */
  billsWholeAnswer?: true;
  /** `GET /generation` never knows its generations. */
  unlisted?: true;
  /** A router: prices read `-1`, the generation is the named model's. */
  routesTo?: string;
}

const CHAT = { contextLength: 128_000, maxCompletionTokens: 16_384 };
const LUNA = {
  contextLength: 1_050_000,
  maxCompletionTokens: 128_000,
  prompt: "0.00000025",
  completion: "0.000002",
  cacheRead: "0.000000025",
  cacheWrite: "0.0000003125",
  cachesUnasked: true,
} as const;
const OTHER = { contextLength: 8192, maxCompletionTokens: null, prompt: "0", completion: "0" };

/** What `/models` lists and every other endpoint accepts, besides `simulate/<faults>`. */
export const MODELS: readonly Model[] = [
  {
    id: "openai/gpt-4o-mini",
    provider: "OpenAI",
    ...CHAT,
    prompt: "0.00000015",
    completion: "0.0000006",
    cacheRead: "0.000000075",
  },
  {
    id: "openai/gpt-4o",
    provider: "OpenAI",
    ...CHAT,
    prompt: "0.0000025",
    completion: "0.00001",
    cacheRead: "0.00000125",
  },
  { id: "openai/gpt-5.6-luna", provider: "OpenAI", ...LUNA },
  { id: "openai/gpt-5.6-luna-pro", provider: "OpenAI", ...LUNA },
  {
    id: "openai/gpt-3.5-turbo",
    provider: "OpenAI",
    contextLength: 16_385,
    maxCompletionTokens: 4096,
    prompt: "0.0000005",
    completion: "0.0000015",
  },
  {
    id: "deepseek/deepseek-v4.1-flash",
    provider: "InferenceNet",
    contextLength: 163_840,
    maxCompletionTokens: null,
    prompt: "0.000000145",
    completion: "0.0000003",
  },
  {
    id: "anthropic/claude-sonnet-4.5",
    provider: "Anthropic",
    contextLength: 1_000_000,
    maxCompletionTokens: 64_000,
    prompt: "0.000003",
    completion: "0.000015",
    cacheRead: "0.0000003",
    cacheWrite: "0.00000375",
    longPrompt: { fromTokens: 200_000, prompt: "0.000006", completion: "0.0000225" },
  },
  {
    id: "anthropic/claude-sonnet-5",
    provider: "Anthropic",
    contextLength: 1_000_000,
    maxCompletionTokens: 128_000,
    prompt: "0.000002",
    completion: "0.00001",
    cacheRead: "0.0000002",
    cacheWrite: "0.0000025",
  },
  {
    id: "mistralai/mistral-small-byok",
    provider: "Mistral",
    ...CHAT,
    prompt: "0.0000001",
    completion: "0.0000003",
    byok: true,
  },
  {
    id: "amazon/nova-lite-v1",
    provider: "Amazon Bedrock",
    contextLength: 300_000,
    maxCompletionTokens: 5120,
    prompt: "0.00000006",
    completion: "0.00000024",
    billsWholeAnswer: true,
  },
  {
    id: "meta-llama/llama-3.3-70b-instruct:free",
    provider: "Venice",
    contextLength: 65_536,
    maxCompletionTokens: null,
    prompt: "0",
    completion: "0",
    unlisted: true,
  },
  {
    id: "openrouter/auto",
    provider: "",
    contextLength: 2_000_000,
    maxCompletionTokens: null,
    prompt: "-1",
    completion: "-1",
    routesTo: "openai/gpt-4o-mini",
  },
  {
    id: "openrouter/free",
    provider: "",
    contextLength: 200_000,
    maxCompletionTokens: null,
    prompt: "0",
    completion: "0",
    routesTo: "meta-llama/llama-3.3-70b-instruct:free",
  },
  {
    id: "google/gemini-2.5-flash-image",
    provider: "Google",
    contextLength: 32_768,
    maxCompletionTokens: 8192,
    prompt: "0.0000003",
    completion: "0.0000025",
    imageOutput: "0.00003",
    outputs: ["image", "text"],
  },
  {
    id: "openai/text-embedding-3-small",
    provider: "OpenAI",
    ...OTHER,
    prompt: "0.00000002",
    outputs: ["embeddings"],
  },
  {
    id: "cohere/rerank-v3.5",
    provider: "Cohere",
    ...OTHER,
    unit: "0.002",
    outputs: ["rerank"],
  },
  {
    id: "voyageai/rerank-2.5",
    provider: "VoyageAI",
    ...OTHER,
    contextLength: 32_000,
    prompt: "0.00000005",
    outputs: ["rerank"],
  },
  {
    id: "typesafe/jev-1.13",
    provider: "TypeSafe",
    ...OTHER,
    contextLength: 32_000,
    prompt: "0.0000001",
    outputs: ["decisions"],
  },
  {
    id: "openai/whisper-1",
    provider: "OpenAI",
    ...OTHER,
    unit: "0.0001",
    outputs: ["transcription"],
  },
  {
    id: "openai/gpt-4o-mini-tts",
    provider: "OpenAI",
    ...OTHER,
    unit: "0.000015",
    outputs: ["speech"],
  },
  { id: "google/veo-3.1", provider: "Google", ...OTHER, unit: "0.4", outputs: ["video"] },
  {
    id: "google/gemini-2.5-pro",
    provider: "Google",
    contextLength: 1_048_576,
    maxCompletionTokens: 65_536,
    prompt: "0.00000125",
    completion: "0.00001",
    cacheRead: "0.000000125",
    cacheWrite: "0.000001625",
    reasoning: "0.0000125",
    audio: "0.000003",
    image: "0.00516",
    longPrompt: {
      fromTokens: 200_000,
      prompt: "0.0000025",
      completion: "0.000015",
      cacheWrite: "0.000002875",
    },
  },
  {
    id: "anthropic/claude-opus-4.5",
    provider: "Anthropic",
    contextLength: 200_000,
    maxCompletionTokens: 64_000,
    prompt: "0.000005",
    completion: "0.000025",
    cacheRead: "0.0000005",
    cacheWrite: "0.00000625",
    cacheWriteHour: "0.00001",
    webSearch: "0.01",
  },
  {
    id: "perplexity/sonar-pro",
    provider: "Perplexity",
    contextLength: 200_000,
    maxCompletionTokens: 8000,
    prompt: "3e-06",
    completion: "1.5e-05",
    request: "0.006",
    webSearch: "0.005",
  },
  {
    // Zero because nobody has told OpenRouter its price, not because it is free.
    id: "nvidia/nemotron-nano-9b-v2",
    provider: "Nvidia",
    ...CHAT,
    prompt: "0",
    completion: "0",
  },
];

const BY_ID = new Map(MODELS.map((model) => [model.id, model]));

/** What the newest model of a kind is called by. */
const ALIASES: Readonly<Record<string, string>> = {
  "~openai/gpt-latest": "openai/gpt-5.6-luna",
  "~anthropic/claude-sonnet-latest": "anthropic/claude-sonnet-5",
};

/** They choose among providers, or have the web searched. */
const VARIANTS = /(?::(?:online|nitro|floor|exacto|thinking|extended|beta))+$/;

/**
 * The model that serves `id`, whatever its variant, or undefined; `simulate/…` is sold at
 * gpt-4o-mini's prices.
 */
export function findModel(id: string): Model | undefined {
  if (id.startsWith("simulate/")) return { ...MODELS[0]!, id };
  const name = id.replace(VARIANTS, "");
  const model = BY_ID.get(ALIASES[name] ?? name);
  return model?.routesTo === undefined ? model : BY_ID.get(model.routesTo);
}

/** What the prompt and everything else cost upstream, in units of 1e-18 USD. */
export function upstreamPrice(
  model: Model,
  {
    prompt,
    cached,
    cacheWrite,
    completion,
    units,
    cacheWriteHour = 0,
    reasoning = 0,
    imageTokens = 0,
    audio = 0,
    images = 0,
  }: Quantities,
): { prompt: bigint; rest: bigint } {
  const times = (price: string, count: number) => usd(price) * BigInt(count);
  const { longPrompt } = model;
  const prices = longPrompt !== undefined && prompt >= longPrompt.fromTokens ? longPrompt : model;
  const cacheWritePrice = prices.cacheWrite ?? model.cacheWrite ?? model.prompt;
  return {
    prompt: times(prices.prompt, prompt - cached - cacheWrite - audio) +
      times(model.cacheRead ?? model.prompt, cached) +
      times(cacheWritePrice, cacheWrite - cacheWriteHour) +
      times(model.cacheWriteHour ?? cacheWritePrice, cacheWriteHour) +
      times(model.audio ?? prices.prompt, audio) +
      times(model.image ?? "0", images) +
      times(model.request ?? "0", 1),
    rest: times(prices.completion, completion - reasoning - imageTokens) +
      times(model.reasoning ?? prices.completion, reasoning) +
      times(model.imageOutput ?? prices.completion, imageTokens) +
      times(model.unit ?? "0", units),
  };
}
