/**
 * What an answer of OpenRouter says about itself: model, provider, id, tokens, cost, error.
 *
 * Every endpoint has its own shape (openrouter.md, "Where usage sits, by endpoint"); all of them
 * are read by the same rules, because no two contradict each other. Values may come in several
 * messages: the last one that is not null holds, so that a later `"usage": null` erases nothing and
 * cumulative counts replace earlier ones. Zero is a value.
 */
import { isObject } from "../bytes/encodings.ts";
import { parseKeepingDecimals } from "../bytes/decimal.ts";

/** What was learnt so far. Null: not said yet. */
export interface Observed {
  model: string | null;
  provider: string | null;
  id: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  /** Part of inputTokens. */
  cachedTokens: number | null;
  /** Messages API: what its cache buckets hold besides `input_tokens`; part of inputTokens. */
  cacheBucketTokens: number;
  /** Part of outputTokens. */
  reasoningTokens: number | null;
  /** Why the model stopped, in its provider's own word. */
  nativeFinishReason: string | null;
  /** OpenRouter's charge in credits, the decimal as it was written. */
  cost: string | null;
  /** What the provider charged the owner of a BYOK key, in credits; never part of cost. */
  upstreamCost: string | null;
  /** The error that the answer reports, although its status may be 200. */
  error: string | null;
}

export function nothingObserved(): Observed {
  return {
    model: null,
    provider: null,
    id: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    cacheBucketTokens: 0,
    reasoningTokens: null,
    nativeFinishReason: null,
    cost: null,
    upstreamCost: null,
    error: null,
  };
}

/** Members whose digits matter: a parsed number would be rounded to a binary float. */
const MONEY = new Set(["cost", "upstream_inference_cost", "total_cost"]);
const DECIMAL = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$/;
const MAX_TEXT_LENGTH = 256;
const MAX_ERROR_LENGTH = 500;

type Json = Record<string, unknown>;

/** Parses an answer, with amounts of money as the strings that they were written as. */
export function parseWithExactMoney(text: string): unknown {
  return parseKeepingDecimals(text, MONEY);
}

/** Adds what one message says: a whole JSON answer, or one event of a stream. */
export function observe(seen: Observed, message: unknown): void {
  if (!isObject(message)) return;
  // Responses API events hold a `response`; a Messages API stream begins with a `message`.
  const envelope = isObject(message.response)
    ? message.response
    : isObject(message.message)
    ? message.message
    : message;
  seen.model = text(envelope.model) ?? seen.model;
  seen.provider = text(envelope.provider) ?? seen.provider;
  seen.id ??= text(envelope.id);
  seen.nativeFinishReason = finishReasonOf(envelope, message) ?? seen.nativeFinishReason;
  seen.error ??= errorOf(message) ?? errorOf(envelope);
  for (const usage of [envelope.usage, message.usage]) {
    if (isObject(usage)) observeUsage(seen, usage);
  }
}

function observeUsage(seen: Observed, usage: Json): void {
  const inputDetails = first(usage.prompt_tokens_details, usage.input_tokens_details);
  const outputDetails = first(usage.completion_tokens_details, usage.output_tokens_details);
  // Messages API: its cache buckets stand beside input_tokens, and a later usage may leave them out.
  // Elsewhere cached tokens are inside.
  const cacheRead = count(usage.cache_read_input_tokens);
  const cacheWrite = count(usage.cache_creation_input_tokens);
  if (cacheRead !== null || cacheWrite !== null) {
    seen.cacheBucketTokens = (cacheRead ?? 0) + (cacheWrite ?? 0);
  }
  const besideBuckets = count(usage.input_tokens);

  if (besideBuckets !== null) seen.inputTokens = besideBuckets + seen.cacheBucketTokens;
  seen.inputTokens = count(usage.prompt_tokens) ?? seen.inputTokens;
  seen.outputTokens = count(usage.completion_tokens) ?? count(usage.output_tokens) ??
    seen.outputTokens;
  seen.cachedTokens = count(inputDetails.cached_tokens) ?? cacheRead ?? seen.cachedTokens;
  seen.reasoningTokens = count(outputDetails.reasoning_tokens) ?? seen.reasoningTokens;
  seen.cost = decimal(usage.cost) ?? seen.cost;
  // On ordinary calls the upstream cost repeats `cost`; it is a spend of its own with BYOK alone.
  if (usage.is_byok === true && isObject(usage.cost_details)) {
    seen.upstreamCost = decimal(usage.cost_details.upstream_inference_cost) ?? seen.upstreamCost;
  }
}

/**
 * Adds what `GET /generation` says of a call, which is the truth of its cost.
 *
 * @param data the member `data` of its answer, parsed with exact money
 */
export function observeGeneration(seen: Observed, data: unknown): void {
  if (!isObject(data)) return;
  seen.model ??= text(data.model);
  seen.nativeFinishReason ??= text(data.native_finish_reason);
  seen.provider ??= text(data.provider_name);
  seen.inputTokens = count(data.native_tokens_prompt) ?? seen.inputTokens;
  seen.outputTokens = count(data.native_tokens_completion) ?? seen.outputTokens;
  seen.cachedTokens = count(data.native_tokens_cached) ?? seen.cachedTokens;
  seen.reasoningTokens = count(data.native_tokens_reasoning) ?? seen.reasoningTokens;
  seen.cost = decimal(data.total_cost) ?? seen.cost;
  if (data.is_byok === true) {
    seen.upstreamCost = decimal(data.upstream_inference_cost) ?? seen.upstreamCost;
  }
}

function finishReasonOf(envelope: Json, message: Json): string | null {
  // Messages API: in a whole answer, and at the end of a stream.
  const delta = isObject(message.delta) ? message.delta : {};
  const stop = text(envelope.stop_reason) ?? text(delta.stop_reason);
  if (stop !== null) return stop;
  if (envelope.object === "response") {
    const why = isObject(envelope.incomplete_details) ? envelope.incomplete_details.reason : null;
    return text(why) ?? (envelope.status === "completed" ? "completed" : null);
  }
  return choicesOf(message).map((choice) => text(choice.native_finish_reason))
    .find((reason) => reason !== null) ?? null;
}

/**
 * Whether a message belongs to a stream that says at its end that it is over: by a reason to stop, usage,
 * an error, or `[DONE]`.
 */
export function announcesItsEnd(message: unknown): boolean {
  return isObject(message) && (choicesOf(message).length > 0 ||
    message.type === "response.created" || message.type === "message_start");
}

/** The events that end a stream: of the Messages API, and of the Responses API. */
export const LAST_EVENTS = [
  "message_stop",
  "response.completed",
  "response.incomplete",
  "response.failed",
];

/** Whether a message says that the model has stopped. */
export function saysItStopped(message: unknown): boolean {
  return isObject(message) && (LAST_EVENTS.some((type) => message.type === type) ||
    choicesOf(message).some((choice) => text(choice.finish_reason) !== null));
}

function choicesOf(message: Json): Json[] {
  return Array.isArray(message.choices) ? message.choices.filter(isObject) : [];
}

/** The message of an error in an answer: at its top, in a choice, or an event of type `error`. */
function errorOf(message: Json): string | null {
  const error = [message.error, ...choicesOf(message).map((choice) => choice.error)]
    .find((candidate) => isObject(candidate) || (typeof candidate === "string" && candidate));
  if (error === undefined) {
    return message.type === "error" ? describe(message) : null;
  }
  return isObject(error) ? describe(error) : describe({ message: error });
}

function describe(error: Json): string {
  const code = error.code ?? error.type;
  const prefix = typeof code === "string" || typeof code === "number" ? `${code}: ` : "";
  return storable(`${prefix}${error.message ?? "no message"}`, MAX_ERROR_LENGTH);
}

/** A text that Postgres takes: no NUL, no lone surrogates, bounded. */
export function storable(value: string, maxLength = MAX_TEXT_LENGTH): string {
  return value.slice(0, maxLength).replaceAll("\0", "").toWellFormed();
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? storable(value) : null;
}

function count(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function decimal(value: unknown): string | null {
  return typeof value === "string" && DECIMAL.test(value) ? value : null;
}

function first(...candidates: unknown[]): Json {
  return candidates.find(isObject) ?? {};
}
