/**
 * What an answer of OpenRouter says about itself: model, provider, id, tokens, cost, error.
 *
 * Every endpoint has its own shape (openrouter.md, "Where usage sits, by endpoint"); all of them
 * are read by the same rules, because no two contradict each other. Values may come in several
 * messages: the last one that is not null holds, so that a later `"usage": null` erases nothing and
 * cumulative counts replace earlier ones. Zero is a value, but takes nothing back.
 */
import { isObject } from "../bytes/encodings.ts";
import { choicesOf } from "./choices.ts";
import {
  messageInput,
  messageOutput,
  type MessageTokens,
  noMessageTokens,
  observeMessageTokens,
} from "./message_tokens.ts";
import { errorOf, failureOf } from "./told_errors.ts";
import { amount, count, identifier, type Json, latest, text } from "./told_values.ts";

/** What was learnt so far. Null: not said yet. */
export interface Observed {
  model: string | null;
  provider: string | null;
  id: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  /** Part of inputTokens. */
  cachedTokens: number | null;
  /** What inputTokens and outputTokens are the sums of in the Messages API. */
  messageTokens: MessageTokens;
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
  /** How far a job is, or a response. */
  status: string | null;
}

export function nothingObserved(): Observed {
  return {
    model: null,
    provider: null,
    id: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    messageTokens: noMessageTokens(),
    reasoningTokens: null,
    nativeFinishReason: null,
    cost: null,
    upstreamCost: null,
    error: null,
    status: null,
  };
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
  seen.id ??= identifier(envelope.id);
  seen.nativeFinishReason = finishReasonOf(envelope, message) ?? seen.nativeFinishReason;
  seen.status = text(envelope.status) ?? seen.status;
  seen.error ??= errorOf(message) ?? errorOf(envelope) ?? failureOf(message, envelope);
  // At the beginning of a message, or of a response or a job, its output and its cost have not come to
  // their end.
  const isPreliminary = message.type === "message_start" || UNDER_WAY.has(envelope.status);
  if (isObject(envelope.usage)) observeUsage(seen, envelope.usage, isPreliminary);
  if (envelope !== message && isObject(message.usage)) {
    observeUsage(seen, message.usage, isPreliminary);
  }
}

/** What a response or a job says of itself before it has ended. */
const UNDER_WAY = new Set<unknown>(["queued", "pending", "in_progress"]);

function observeUsage(seen: Observed, usage: Json, isPreliminary: boolean): void {
  const inputDetails = detailsIn(usage.prompt_tokens_details, usage.input_tokens_details);
  const outputDetails = detailsIn(usage.completion_tokens_details, usage.output_tokens_details);
  const { messageTokens } = seen;
  observeMessageTokens(messageTokens, usage, isPreliminary);
  seen.inputTokens = latest(
    seen.inputTokens,
    count(usage.prompt_tokens) ?? messageInput(messageTokens),
  );
  seen.outputTokens = latest(
    seen.outputTokens,
    count(usage.completion_tokens) ?? messageOutput(messageTokens),
  );
  // A reranking may tell no more than this, and has no output.
  if (seen.inputTokens === null && seen.outputTokens === null) {
    seen.inputTokens = count(usage.total_tokens);
  }
  seen.cachedTokens = latest(
    seen.cachedTokens,
    count(inputDetails.cached_tokens) ?? messageTokens.cacheRead,
  );
  seen.reasoningTokens = latest(seen.reasoningTokens, count(outputDetails.reasoning_tokens));
  if (isPreliminary) return;
  seen.cost = latest(seen.cost, amount(usage.cost));
  // On ordinary calls the upstream cost repeats `cost`; it is a spend of its own with BYOK alone.
  if (usage.is_byok === true && isObject(usage.cost_details)) {
    seen.upstreamCost = latest(
      seen.upstreamCost,
      amount(usage.cost_details.upstream_inference_cost),
    );
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
  seen.cost = amount(data.total_cost) ?? seen.cost;
  if (data.is_byok === true) {
    seen.upstreamCost = amount(data.upstream_inference_cost) ?? seen.upstreamCost;
  }
}

/** Of a job that has ended without a result nothing is charged, unless it says so. */
const RESULTLESS = new Set(["failed", "cancelled", "canceled", "expired"]);

/** What a job costs, in credits, as its own account tells; null: it has not ended, or does not tell. */
export function costOfJob({ cost, status }: Observed): string | null {
  return cost ?? (status !== null && RESULTLESS.has(status) ? "0" : null);
}

function finishReasonOf(envelope: Json, message: Json): string | null {
  // Messages API: in a whole answer, and at the end of a stream.
  const stop = text(envelope.stop_reason) ??
    (isObject(message.delta) ? text(message.delta.stop_reason) : null);
  if (stop !== null) return stop;
  if (envelope.object === "response") {
    const why = isObject(envelope.incomplete_details) ? envelope.incomplete_details.reason : null;
    return text(why) ?? (envelope.status === "completed" ? "completed" : null);
  }
  for (const choice of choicesOf(message)) {
    const reason = text(choice.native_finish_reason);
    if (reason !== null) return reason;
  }
  return null;
}

const NO_DETAILS: Json = {};

/** By the names that two dialects have for them. */
function detailsIn(first: unknown, second: unknown): Json {
  if (isObject(first)) return first;
  return isObject(second) ? second : NO_DETAILS;
}
