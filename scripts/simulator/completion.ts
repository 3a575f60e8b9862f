/**
 * What a model says to a request: calls of tools, JSON by a schema, or the request's last words. All
 * of it follows from the request alone, so that tests predict it.
 *
 * - A request that offers tools is answered by calls (see tool_calls.ts), once: when their results
 *   have come, the answer is text.
 * - A request for JSON is answered by a value that is valid under its schema.
 * - Every other one hears the words of its last text again, at most 256 of them, a token each.
 *
 * The member that the endpoint has for it (`max_tokens`, `max_output_tokens`) bounds that, and cuts
 * what is longer: only then the reason to end is `length`.
 */
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { Generation } from "./generation.ts";
import { usd } from "./money.ts";
import { askedFormat } from "./output_format.ts";
import { schemaSample } from "./schema_sample.ts";
import { lastText, outputBound, promptTokens } from "./tokens.ts";
import { type ToolCall, toolCalls } from "./tool_calls.ts";

const MOST_WORDS = 256;
const BIG_CHUNK_BYTES = 64 * 1024;
const MEGABYTE = 1024 * 1024;
const MULTIBYTE_WORDS = ["é", "日本語", "🙂", "𝄞", "ñandú", "👩‍👩‍👧"];

/** A text, or the arguments of a call as JSON, in tokens. */
export interface Part {
  /** The call whose arguments these are; null for a text. */
  call: ToolCall | null;
  tokens: number;
  /** The text of one token. */
  piece(index: number): string;
}

/** A completion that was decided on. */
export interface Completion {
  parts: Part[];
  /** Of all parts together. */
  tokens: number;
  finishReason: "stop" | "length" | "tool_calls";
}

/** A completion of one text. */
export function textCompletion(tokens: number, piece: Part["piece"]): Completion {
  return { parts: [{ call: null, tokens, piece }], tokens, finishReason: "stop" };
}

/**
 * Decides on the answer to a call. Faults: chunks, big, huge, multibyte.
 *
 * @throws {ApiError} 400 for a bound, a tool or a schema that is none
 */
export async function planCompletion(
  call: Pick<Call, "body" | "faults" | "route">,
): Promise<Completion> {
  const { body, faults } = call;
  const bound = outputBound(call);
  const bigMb = faults.number("big");
  if (bigMb !== undefined) {
    const filler = "x".repeat(BIG_CHUNK_BYTES);
    return textCompletion(bigMb * MEGABYTE / BIG_CHUNK_BYTES, () => filler);
  }
  const chunks = faults.number("chunks");
  const isText = chunks !== undefined || faults.has("huge") || faults.has("multibyte");
  const calls = isText ? [] : await toolCalls(body);
  if (calls.length > 0) {
    const parts = calls.map((call) => ({ call, ...inPieces(call.arguments) }));
    return bounded({ parts, tokens: sumOf(parts), finishReason: "tool_calls" }, bound);
  }
  const format = isText ? null : askedFormat(body);
  if (format !== null) {
    const { tokens, piece } = inPieces(JSON.stringify(await schemaSample(format.schema)));
    return bounded(textCompletion(tokens, piece), bound);
  }
  const completion = echo(body, faults, chunks);
  return bounded(completion, chunks ?? bound);
}

/** Decides on the answer to a call, as planCompletion does, and begins its generation. */
export async function startCompletion(
  call: Call,
): Promise<{ completion: Completion; generation: Generation }> {
  const completion = await planCompletion(call);
  return { completion, generation: startGeneration(call, completion) };
}

/** Begins the generation of a completion, which the fault `charged` ends at once. */
export function startGeneration(call: Call, { tokens, finishReason }: Completion): Generation {
  const planned = { prompt: promptTokens(call.body), completion: tokens, finishReason };
  const generation = new Generation(call, planned, call.body.stream === true);
  const charged = call.faults.text("charged");
  if (charged === undefined) return generation;
  generation.fail(usd(charged));
  throw apiError(502, undefined, undefined, generation.headers);
}

/** Several completions as one, whose parts are theirs. */
export function together(completions: [Completion, ...Completion[]]): Completion {
  const parts = completions.flatMap(({ parts }) => parts);
  return { ...completions[0], parts, tokens: sumOf(parts) };
}

/** The words of the request's last text; with `count`, so many, from the first on again. */
function echo(body: Record<string, unknown>, faults: Faults, count?: number): Completion {
  const said = lastText(body).split(/\s+/, MOST_WORDS).filter(Boolean);
  const words = faults.has("multibyte") ? MULTIBYTE_WORDS : said.length > 0 ? said : ["Hello"];
  const hugeBytes = (faults.number("huge") ?? 0) * MEGABYTE;
  const completion = textCompletion(count ?? words.length, (index) => {
    const word = (index === 0 ? "" : " ") + words[index % words.length];
    return index === 0 ? word.padEnd(hugeBytes, "x") : word;
  });
  return count === undefined ? completion : { ...completion, finishReason: "length" };
}

function inPieces(text: string): Pick<Part, "tokens" | "piece"> {
  const pieces = text.match(/.{1,4}/gsu) ?? [];
  return { tokens: pieces.length, piece: (index) => pieces[index]! };
}

function bounded(completion: Completion, bound = Infinity): Completion {
  if (completion.tokens <= bound) return completion;
  let left = bound;
  const parts: Part[] = [];
  for (const part of completion.parts) {
    if (left === 0) break;
    const tokens = Math.min(part.tokens, left);
    parts.push({ ...part, tokens });
    left -= tokens;
  }
  return { parts, tokens: bound, finishReason: "length" };
}

function sumOf(parts: Part[]): number {
  return parts.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** A part's whole text. */
export function wholePart({ tokens, piece }: Part): string {
  return Array.from({ length: tokens }, (_, index) => piece(index)).join("");
}

/** The text of a completion; null where it consists of calls. */
export function wholeText({ parts }: Completion): string | null {
  const texts = parts.filter(({ call }) => call === null);
  return texts.length === 0 ? null : texts.map(wholePart).join("");
}
