/** One generation from its start to its only booking. */
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { type Figures, type GenerationRecord, type Key, newGenerationId } from "./ledger.ts";
import { usd } from "./money.ts";
import { findModel, type Model, upstreamPrice } from "./pricing.ts";

/** What a whole, undisturbed generation consumes. */
export interface Planned {
  prompt: number;
  completion?: number;
  units?: number;
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

  /** @throws {ApiError} 400 without a model or with an unknown one */
  constructor(readonly call: Call, readonly planned: Planned, readonly streamed: boolean) {
    const { model } = call.body;
    if (typeof model !== "string" || model === "") throw apiError(400, "No models provided");
    const found = findModel(model);
    if (found === undefined) throw apiError(400, `${model} is not a valid model ID`);
    if (call.key === null) throw new Error("a generation needs an ordinary key");
    this.#model = found;
    this.#key = call.key;
    this.modelId = found.id;
  }

  get provider(): string {
    return this.#model.provider;
  }

  /** The headers that every answer to a generation carries. */
  get headers(): Record<string, string> {
    return { "X-Generation-Id": this.id, "X-Provider-Name": this.provider };
  }

  /** What the generation costs with this many completion tokens. */
  figures(completion = this.planned.completion ?? 0): Figures {
    const { faults } = this.call;
    const free = faults.has("cache-hit");
    const prompt = free ? 0 : this.planned.prompt;
    const cached = Math.min(faults.number("cached") ?? 0, prompt);
    const quantities = {
      prompt,
      cached,
      completion: free ? 0 : completion,
      units: free ? 0 : this.planned.units ?? 0,
    };
    const price = upstreamPrice(this.#model, quantities);
    const forced = faults.text("cost");
    const upstream = forced === undefined ? price : { prompt: 0n, rest: usd(forced) };
    const isByok = faults.has("byok") || this.#model.byok === true;
    const total = upstream.prompt + upstream.rest;
    return {
      ...quantities,
      reasoning: Math.min(faults.number("reasoning") ?? 0, quantities.completion),
      upstreamPrompt: upstream.prompt,
      upstreamRest: upstream.rest,
      cost: isByok ? total / 20n : total,
      isByok,
    };
  }

  /** Books the generation, unless that was done. */
  settle(figures = this.figures(), cancelled = false): GenerationRecord {
    if (this.#record !== null) return this.#record;
    const { ledger, faults } = this.call;
    const elapsedMs = Math.round(performance.now() - this.#startedAtMs);
    // OpenRouter knows interrupted streams later than others
    const delayMs = ledger.generationDelayMs * (cancelled ? 2 : 1);
    const unlisted = faults.has("unlisted") || this.#model.unlisted === true;
    this.#record = {
      ...figures,
      id: this.id,
      keyHash: this.#key.hash,
      model: this.modelId,
      provider: this.provider,
      streamed: this.streamed,
      cancelled,
      latencyMs: elapsedMs,
      generationTimeMs: elapsedMs,
      readableAtMs: unlisted ? Infinity : Date.now() + delayMs,
    };
    ledger.book(this.#record, this.#key);
    return this.#record;
  }

  /** Books what left so far: nothing more leaves. A provider that cannot stop bills the whole. */
  abandon(): void {
    if (this.#record !== null) return;
    this.settle(this.figures(this.#model.billsWholeAnswer ? undefined : this.sent), true);
  }

  /** Books a generation that failed before its answer: listed, free. */
  fail(): void {
    const nothing = { prompt: 0, cached: 0, completion: 0, reasoning: 0, units: 0 };
    this.settle({ ...this.figures(0), ...nothing, cost: 0n, upstreamPrompt: 0n, upstreamRest: 0n });
  }
}
