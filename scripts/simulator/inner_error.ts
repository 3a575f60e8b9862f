/**
 * Errors inside a 200: the fault `error`.
 *
 * Source: openrouter.md, "SSE".
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import type { Generation } from "./generation.ts";
import { quotedIdentifiers, USER_ID } from "./identifiers.ts";

/** The code is a number or a word. */
export interface InnerError {
  code: number | string;
  message: string;
  metadata?: Record<string, unknown>;
}

const DEFAULT_CODE = 429;
const DEFAULT_CHUNKS = 2;

/** The error that the fault asks for, and after how many chunks it comes; null without it. */
export function innerError(call: Call): { error: InnerError; afterChunks: number } | null {
  const text = call.faults.text("error");
  if (text === undefined) return null;
  const [code = "", afterChunks = DEFAULT_CHUNKS] = text.split(":");
  const isWord = /[^\d]/.test(code);
  const error = isWord
    ? { code, message: code }
    : statusError(code === "" ? DEFAULT_CODE : Number(code));
  return { error: withRaw(error, call), afterChunks: Number(afterChunks) };
}

function statusError(code: number): InnerError {
  return { code, message: apiError(code).message };
}

/** The error with what the fault `raw-ids` adds to it. */
export function withRaw(error: InnerError, { faults, key }: Call): InnerError {
  return faults.has("raw-ids") ? { ...error, metadata: { raw: quotedIdentifiers(key) } } : error;
}

/** The error as responses and events of images have it, whose codes are words. */
export function worded(error: InnerError): InnerError {
  return { ...error, code: String(error.code) };
}

/** What stands beside the member `error`: with the fault `user-id`, whose account this is. */
export function besideError({ faults }: Call): { user_id?: string } {
  return faults.has("user-id") ? { user_id: USER_ID } : {};
}

/**
 * A JSON answer that holds the error instead of a result; the generation costs nothing. Null
 * without the fault.
 */
export function failedJson(
  generation: Generation,
  shape: (error: InnerError) => object = (error) => ({ error }),
): Answer | null {
  const inner = innerError(generation.call);
  if (inner === null) return null;
  generation.fail();
  const body = { ...shape(inner.error), ...besideError(generation.call) };
  return json(body, generation.headers);
}
