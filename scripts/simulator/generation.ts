/** One generation from its start to its only booking. */
import type { Call } from "./call.ts";
import { type Figures, type GenerationRecord, type Key, newGenerationId } from "./ledger.ts";
import { modelOf, tierOf } from "./model_choice.ts";
import { usd } from "./money.ts";
import { partsOf } from "./parts.ts";
import { type Model, upstreamPrice } from "./pricing.ts";
import { toolUse } from "./server_tools.ts";
import { imageCount } from "./tokens.ts";

const NOTHING: Omit<Figures, "isByok"> = {
  prompt: 0,
  cached: 0,
  cacheWrite: 0,
  completion: 0,
  reasoning: 0,
  imageTokens: 0,
  units: 0,
  compactedPrompt: 0,
  compactedCompletion: 0,
  toolCalls: 0,
  searches: 0,
  toolCost: 0n,
  upstreamPrompt: 0n,
  upstreamRest: 0n,
  cost: 0n,
};

/** OpenAI caches no shorter prompts. */
const CACHED_FROM_TOKENS = 1024;

/** `api_type` by route: the names of OpenRouter's SDK, which has none for Responses and Messages. */
const API_TYPES: Readonly<Record<string, string>> = {
  "POST /embeddings": "embeddings",
  "POST /rerank": "rerank",
  "POST /systemone": "decisions",
  "POST /images": "image",
  "POST /audio/transcriptions": "stt",
  "POST /audio/speech": "tts",
  "POST /videos": "video",
};

/** What a whole, undisturbed generation consumes. */
export interface Planned {
  prompt: number;
  completion?: number;
  /** Whether the completion is images. */
  isImages?: boolean;
  units?: number;
  finishReason?: string;
}

/**
 * A generation that runs until it is settled: by `settle` at its end, by `abandon` where the client
 * went, by `fail` where there is no answer. The first of them books it, the others do nothing.
 */
export class Generation {
  readonly id = newGenerationId();
  readonly createdS = Math.floor(Date.now() / 1000);
  readonly modelId: string;
  /** Completion tokens that left so far. */
  sent = 0;
  readonly #startedAtMs = performance.now();
  readonly #model: Model;
  readonly #key: Key;
  #record: GenerationRecord | null = null;

  /** @throws {ApiError} where no model may serve the call: see modelOf; 429 of free models */
  constructor(readonly call: Call, readonly planned: Planned, readonly streamed: boolean) {
    if (call.key === null) throw new Error("a generation needs an ordinary key");
    this.#key = call.key;
    this.#model = modelOf(call, call.key);
    this.modelId = this.#model.id;
    if (this.modelId.endsWith(":free")) call.ledger.freeModels.take();
  }

  get provider(): string {
    return this.#model.provider;
  }

  /** The headers that every answer to a generation carries. */
  get headers(): Record<string, string> {
    const headers = { "X-Generation-Id": this.id, "X-Provider-Name": this.provider };
    if (!this.call.faults.has("cache-hit")) return headers;
    return {
      ...headers,
      "X-OpenRouter-Cache-Status": "HIT",
      "X-OpenRouter-Cache-Age": "7",
      "X-OpenRouter-Cache-TTL": "300",
    };
  }

  /** What the generation costs with this many completion tokens. */
  figures(completion = this.planned.completion ?? 0): Figures {
    const { faults, body } = this.call;
    const isByok = faults.has("byok") || this.#model.byok === true;
    if (faults.has("cache-hit")) return { ...NOTHING, isByok };
    const { prompt, units = 0 } = this.planned;
    const cached = Math.min(faults.number("cached") ?? 0, prompt);
    const cacheWrite = Math.min(faults.number("cache-write") ?? this.#unasked(), prompt - cached);
    const reasoning = Math.min(faults.number("reasoning") ?? 0, completion);
    const imageTokens = this.planned.isImages === true ? completion - reasoning : 0;
    const [compactedPrompt = 0, compactedCompletion = 0] =
      faults.text("iterations")?.split(":").map(Number) ?? [];
    const price = upstreamPrice(this.#model, {
      prompt: prompt + compactedPrompt,
      cached,
      cacheWrite,
      completion: completion + compactedCompletion,
      units,
      reasoning,
      imageTokens,
      images: imageCount(body),
    });
    const forced = faults.text("cost");
    const tier = forced === undefined ? tierOf(body) : 1n;
    const upstreamPrompt = forced === undefined ? price.prompt * tier : 0n;
    const upstreamRest = forced === undefined ? price.rest * tier : usd(forced);
    const tools = toolUse(body, this.#model.webSearch);
    const toolCost = forced === undefined ? tools.cost : 0n;
    const total = upstreamPrompt + upstreamRest;
    return {
      prompt,
      cached,
      cacheWrite,
      completion,
      reasoning,
      imageTokens,
      units,
      compactedPrompt,
      compactedCompletion,
      toolCalls: tools.calls,
      searches: tools.searches,
      toolCost,
      upstreamPrompt,
      upstreamRest,
      cost: (isByok ? total / 20n : total) + toolCost,
      isByok,
    };
  }

  /** The prompt's tokens that go into the model's cache by themselves: all of a long one. */
  #unasked(): number {
    const { mode } = Object(this.call.body.prompt_cache_options);
    if (!this.#model.cachesUnasked || mode === "explicit") return 0;
    return this.planned.prompt < CACHED_FROM_TOKENS ? 0 : this.planned.prompt;
  }

  /** Books the generation, unless that was done. */
  settle(figures = this.figures(), cancelled = false): GenerationRecord {
    if (this.#record !== null) return this.#record;
    const { ledger, faults } = this.call;
    const elapsedMs = Math.round(performance.now() - this.#startedAtMs);
    // OpenRouter knows interrupted streams later than others
    const delayMs = ledger.delays.generationDelayMs * (cancelled ? 2 : 1);
    const unlisted = faults.has("unlisted") || this.#model.unlisted === true;
    this.#record = {
      ...figures,
      id: this.id,
      requestId: this.id.replace("gen-", "req-"),
      keyHash: this.#key.hash,
      workspaceId: this.#key.workspaceId,
      ...this.#request(),
      model: this.modelId,
      provider: this.provider,
      streamed: this.streamed,
      cancelled,
      finishReason: cancelled ? null : this.planned.finishReason ?? null,
      createdAtMs: Date.now(),
      latencyMs: elapsedMs,
      generationTimeMs: elapsedMs,
      readableAtMs: unlisted ? Infinity : Date.now() + delayMs,
    };
    const parts = partsOf(this.#record, faults.number("generations") ?? 1);
    for (const part of parts) ledger.book(part, this.#key);
    return this.#record;
  }

  /** What the record keeps of the request itself. */
  #request() {
    const { body, headers, route } = this.call;
    return {
      apiType: API_TYPES[route] ?? "completions",
      sessionId: text(body.session_id) ?? text(headers["x-session-id"]),
      externalUser: text(body.user),
      serviceTier: text(body.service_tier),
      router: text(body.model)?.startsWith("openrouter/") ? text(body.model) : null,
    };
  }

  /** Books what left so far: nothing more leaves. A provider that cannot stop bills the whole. */
  abandon(): void {
    if (this.#record !== null) return;
    this.settle(this.figures(this.#model.billsWholeAnswer ? undefined : this.sent), true);
  }

  /**
   * Books a generation that failed before its answer: listed, and free.
   *
   * @param toolCost what is charged all the same, in units of 1e-18 USD
   */
  fail(toolCost = 0n): void {
    this.settle({ ...NOTHING, toolCost, cost: toolCost, isByok: this.figures(0).isByok });
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
