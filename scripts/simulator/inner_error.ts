/**
 * Errors inside a 200: the fault `error`.
 *
 * Source: openrouter.md, "SSE".
 */
import { type Answer, json } from "./answer.ts";
import { apiError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import type { Generation } from "./generation.ts";

/** The code is a number or a word. */
export interface InnerError {
  code: number | string;
  message: string;
}

const DEFAULT_CODE = 429;
const DEFAULT_CHUNKS = 2;

/** The error that the fault asks for, and after how many chunks it comes; null without it. */
export function innerError(faults: Faults): { error: InnerError; afterChunks: number } | null {
  const text = faults.text("error");
  if (text === undefined) return null;
  const [code = "", afterChunks = DEFAULT_CHUNKS] = text.split(":");
  const isWord = /[^\d]/.test(code);
  const error = isWord
    ? { code, message: code }
    : statusError(code === "" ? DEFAULT_CODE : Number(code));
  return { error, afterChunks: Number(afterChunks) };
}

function statusError(code: number): InnerError {
  return { code, message: apiError(code).message };
}

/**
 * A JSON answer that holds the error instead of a result; the generation costs nothing. Null
 * without the fault.
 */
export function failedJson(
  generation: Generation,
  shape: (error: InnerError) => unknown = (error) => ({ error }),
): Answer | null {
  const inner = innerError(generation.call.faults);
  if (inner === null) return null;
  generation.fail();
  return json(shape(inner.error), generation.headers);
}
