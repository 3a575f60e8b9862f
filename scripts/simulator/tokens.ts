/**
 * The simulator's tokens: counts and texts follow from the request alone, so that tests predict
 * them.
 *
 * - Prompt: one token for every 4 UTF-8 bytes of the request's text, rounded up, at least 1.
 * - Completion: the words of the last text of the request, one token each. `max_tokens` (or
 *   `max_completion_tokens`, `max_output_tokens`) asks for exactly that many, starting over with
 *   the first word where they run out; without it they are said once, at most 256 of them.
 */
import { apiError } from "./errors.ts";
import type { Faults } from "./faults.ts";

const DEFAULT_COMPLETION_TOKENS = 256;
const BIG_CHUNK_BYTES = 64 * 1024;
const MEGABYTE = 1024 * 1024;
const MULTIBYTE_WORDS = ["é", "日本語", "🙂", "𝄞", "ñandú", "👩‍👩‍👧"];

/** A completion that was decided on: its length, its reason to end, and the text of each token. */
export interface Completion {
  tokens: number;
  finishReason: "stop" | "length";
  text(index: number): string;
}

function* texts(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) { for (const item of value) yield* texts(item); }
  else if (typeof value === "object" && value !== null) {
    const { text, content } = value as Record<string, unknown>;
    yield* texts(text);
    yield* texts(content);
  }
}

/** Counts the prompt's tokens of a request body of any endpoint. */
export function promptTokens(body: Record<string, unknown>): number {
  const { system, instructions, messages, prompt, input, query, documents } = body;
  let bytes = 0;
  for (const text of texts([system, instructions, messages, prompt, input, query, documents])) {
    bytes += new TextEncoder().encode(text).length;
  }
  return Math.max(1, Math.ceil(bytes / 4));
}

/** Counts the images in a body: its objects of the types `image_url`, `input_image` and `image`. */
export function imageCount(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const { type } = value as Record<string, unknown>;
  const own = type === "image_url" || type === "input_image" || type === "image" ? 1 : 0;
  return Object.values(value).reduce((sum: number, child) => sum + imageCount(child), own);
}

function askedTokens(body: Record<string, unknown>): number | undefined {
  const asked = body.max_tokens ?? body.max_completion_tokens ?? body.max_output_tokens;
  if (asked === undefined || asked === null) return undefined;
  if (Number.isSafeInteger(asked) && Number(asked) > 0) return Number(asked);
  throw apiError(400, "max_tokens must be a whole number of at least 1");
}

/** Decides on the answer to a request body. Faults: chunks, big, huge, multibyte. */
export function planCompletion(body: Record<string, unknown>, faults: Faults): Completion {
  const last = [...texts(body.messages ?? body.input ?? body.prompt)].at(-1) ?? "";
  const said = last.split(/\s+/, DEFAULT_COMPLETION_TOKENS).filter(Boolean);
  const words = faults.has("multibyte") ? MULTIBYTE_WORDS : said.length > 0 ? said : ["Hello"];

  const bigMb = faults.number("big");
  const asked = faults.number("chunks") ?? askedTokens(body);
  const tokens = bigMb === undefined ? asked ?? words.length : bigMb * MEGABYTE / BIG_CHUNK_BYTES;
  const hugeBytes = (faults.number("huge") ?? 0) * MEGABYTE;
  const filler = bigMb === undefined ? null : "x".repeat(BIG_CHUNK_BYTES);

  return {
    tokens,
    finishReason: asked === undefined ? "stop" : "length",
    text(index) {
      if (filler !== null) return filler;
      const word = (index === 0 ? "" : " ") + words[index % words.length];
      return index === 0 ? word.padEnd(hugeBytes, "x") : word;
    },
  };
}

/** The whole text of a completion. */
export function wholeText({ tokens, text }: Completion): string {
  return Array.from({ length: tokens }, (_, index) => text(index)).join("");
}
