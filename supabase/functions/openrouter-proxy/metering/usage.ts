/**
 * What an answer of OpenRouter says about itself: model, provider, id, tokens, cost, error.
 *
 * Every endpoint has its own shape (openrouter.md, "Where usage sits, by endpoint"); all of them
 * are read by the same rules, because no two contradict each other. Values may come in several
 * messages: the last one that is not null holds, so that a later `"usage": null` erases nothing and
 * cumulative counts replace earlier ones. Zero is a value.
 *
 * Amounts and counts are bounded where they are read: what no price and no model could reach is none.
 */
import { isObject } from "../bytes/encodings.ts";
import { parseKeepingDecimals } from "../bytes/decimal.ts";
import { storable } from "../bytes/storable.ts";

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

/**
 * The Messages API counts in parts, which come in several messages: what it reads of its cache and
 * writes to it stands beside `input_tokens`, and what a compaction takes stands in `iterations` alone.
 */
interface MessageTokens {
  input: number | null;
  cacheRead: number | null;
  cacheWritten: number | null;
  output: number | null;
  compactionInput: number;
  compactionOutput: number;
}

export function nothingObserved(): Observed {
  return {
    model: null,
    provider: null,
    id: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    messageTokens: {
      input: null,
      cacheRead: null,
      cacheWritten: null,
      output: null,
      compactionInput: 0,
      compactionOutput: 0,
    },
    reasoningTokens: null,
    nativeFinishReason: null,
    cost: null,
    upstreamCost: null,
    error: null,
    status: null,
  };
}

/** Members whose digits matter: a parsed number would be rounded to a binary float. */
const MONEY = new Set(["cost", "upstream_inference_cost", "total_cost"]);
/** An amount that somebody may have been charged: prices have some twelve decimals. */
const AMOUNT = /^[0-9]{1,10}(?:\.[0-9]{1,40})?(?:[eE](?:-[0-4]?[0-9]|\+?0?[0-9]))?$/;
const MAX_AMOUNT = 1e9;
/** A model reads some millions. */
const MAX_COUNT = 1e9;
const MAX_IDENTIFIER_LENGTH = 512;
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
  seen.id ??= identifier(envelope.id);
  seen.nativeFinishReason = finishReasonOf(envelope, message) ?? seen.nativeFinishReason;
  seen.status = text(envelope.status) ?? seen.status;
  seen.error ??= errorOf(message) ?? errorOf(envelope) ?? failureOf(message, envelope);
  // At the beginning of a message, its output has not come to its end.
  const isPreliminary = message.type === "message_start";
  for (const usage of [envelope.usage, message.usage]) {
    if (isObject(usage)) observeUsage(seen, usage, isPreliminary);
  }
}

function observeUsage(seen: Observed, usage: Json, isPreliminary: boolean): void {
  const inputDetails = first(usage.prompt_tokens_details, usage.input_tokens_details);
  const outputDetails = first(usage.completion_tokens_details, usage.output_tokens_details);
  const { messageTokens } = seen;
  observeMessageTokens(messageTokens, usage, isPreliminary);
  seen.inputTokens = count(usage.prompt_tokens) ?? messageInput(messageTokens) ?? seen.inputTokens;
  seen.outputTokens = count(usage.completion_tokens) ?? messageOutput(messageTokens) ??
    seen.outputTokens;
  // A reranking may tell no more than this, and has no output.
  if (seen.inputTokens === null && seen.outputTokens === null) {
    seen.inputTokens = count(usage.total_tokens);
  }
  seen.cachedTokens = count(inputDetails.cached_tokens) ?? messageTokens.cacheRead ??
    seen.cachedTokens;
  seen.reasoningTokens = count(outputDetails.reasoning_tokens) ?? seen.reasoningTokens;
  seen.cost = amount(usage.cost) ?? seen.cost;
  // On ordinary calls the upstream cost repeats `cost`; it is a spend of its own with BYOK alone.
  if (usage.is_byok === true && isObject(usage.cost_details)) {
    seen.upstreamCost = amount(usage.cost_details.upstream_inference_cost) ?? seen.upstreamCost;
  }
}

/** Its counts are cumulative: a zero in a later message takes nothing back, another number corrects. */
function observeMessageTokens(seen: MessageTokens, usage: Json, isPreliminary: boolean): void {
  seen.input = cumulative(seen.input, usage.input_tokens);
  seen.cacheRead = cumulative(seen.cacheRead, usage.cache_read_input_tokens);
  seen.cacheWritten = cumulative(seen.cacheWritten, usage.cache_creation_input_tokens);
  if (!isPreliminary) seen.output = cumulative(seen.output, usage.output_tokens);
  if (!Array.isArray(usage.iterations)) return;
  const compactions = usage.iterations.filter(isObject)
    .filter(({ type }) => type === "compaction");
  seen.compactionInput = sum(compactions, [
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
  ]);
  seen.compactionOutput = sum(compactions, ["output_tokens"]);
}

function messageInput(tokens: MessageTokens): number | null {
  const { input, cacheRead, cacheWritten, compactionInput } = tokens;
  return input === null ? null : input + (cacheRead ?? 0) + (cacheWritten ?? 0) + compactionInput;
}

function messageOutput({ output, compactionOutput }: MessageTokens): number | null {
  return output === null ? null : output + compactionOutput;
}

function cumulative(before: number | null, value: unknown): number | null {
  return count(value) || before || count(value);
}

function sum(parts: Json[], members: string[]): number {
  const counts = parts.flatMap((part) => members.map((member) => count(part[member]) ?? 0));
  return Math.min(counts.reduce((total, next) => total + next, 0), MAX_COUNT);
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

const LAST_OF_RESPONSE = new Set<unknown>([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/** Whether a message is the last event of a stream of the Messages API. */
export function isLastOfMessage(message: unknown): boolean {
  return isObject(message) && message.type === "message_stop";
}

/** Whether a message is the last one of a stream of the Responses API; `[DONE]` may follow. */
export function isLastOfResponse(message: unknown): boolean {
  return isObject(message) && LAST_OF_RESPONSE.has(message.type);
}

/** What a message says of its choices. */
export function choicesOf(message: unknown): Json[] {
  if (!isObject(message) || !Array.isArray(message.choices)) return [];
  return message.choices.filter(isObject);
}

/** The message of an error in an answer: at its top, in a choice, or an event of type `error`. */
function errorOf(message: Json): string | null {
  const error = [message.error, ...choicesOf(message).map((choice) => choice.error)]
    .find((candidate) => isObject(candidate) || (typeof candidate === "string" && candidate));
  if (error === undefined) {
    if (message.type !== "error") return null;
    // Where a message is an object, it is an answer as a rule, and only read in part.
    return describe({ ...message, message: text(message.message, MAX_ERROR_LENGTH) });
  }
  return isObject(error) ? describe(error) : describe({ message: error });
}

/** Of an answer that says that it failed, and not why. */
function failureOf(message: Json, envelope: Json): string | null {
  if (choicesOf(message).some(({ finish_reason }) => finish_reason === "error")) {
    return "the model stopped because of an error";
  }
  const isResponse = envelope.object === "response" || message.type === "response.failed";
  return isResponse && envelope.status === "failed" ? "the response failed" : null;
}

function describe(error: Json): string {
  const code = error.code ?? error.type;
  const prefix = typeof code === "string" || typeof code === "number" ? `${code}: ` : "";
  const message = error.message ?? "no message";
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return storable(prefix + text, MAX_ERROR_LENGTH);
}

function text(value: unknown, maxLength?: number): string | null {
  return typeof value === "string" && value !== "" ? storable(value, maxLength) : null;
}

/** An id, whole or not at all: a part of one names nothing. */
export function identifier(value: unknown): string | null {
  const isWhole = typeof value === "string" && value !== "" &&
    value === storable(value, MAX_IDENTIFIER_LENGTH);
  return isWhole ? value : null;
}

function count(value: unknown): number | null {
  const isCount = typeof value === "number" && Number.isInteger(value) && value >= 0 &&
    value <= MAX_COUNT;
  return isCount ? value : null;
}

function amount(value: unknown): string | null {
  const isAmount = typeof value === "string" && AMOUNT.test(value) && Number(value) <= MAX_AMOUNT;
  return isAmount ? value : null;
}

function first(...candidates: unknown[]): Json {
  return candidates.find(isObject) ?? {};
}
