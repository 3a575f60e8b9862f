/**
 * What the gateway reads of a request's JSON body, and the one thing that it adds.
 *
 * The bytes are the client's: they are parsed to be read, never serialised again, so that large
 * integers, key order and repeated keys reach OpenRouter as they were sent.
 */
import type { Bytes } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";

export interface CallBody {
  /** `model`, when it is a string. */
  model: string | null;
  /** Whether `stream` is true. */
  streaming: boolean;
  /** Whether the client set `usage` by itself. */
  hasUsage: boolean;
  /** Whether the object has no members at all. */
  isEmpty: boolean;
}

const USAGE = new TextEncoder().encode('"usage":{"include":true}');
const OPENING_BRACE = 0x7b;
const COMMA = 0x2c;

/** @throws {GatewayError} invalid_request when the body is no JSON object in UTF-8 */
export function readCallBody(body: Uint8Array): CallBody {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new GatewayError("invalid_request", "the request body is not valid JSON", { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new GatewayError("invalid_request", "the request body must be a JSON object");
  }
  const { model, stream } = parsed as Record<string, unknown>;
  return {
    model: typeof model === "string" ? model : null,
    streaming: stream === true,
    hasUsage: Object.hasOwn(parsed, "usage"),
    isEmpty: Object.keys(parsed).length === 0,
  };
}

/**
 * Inserts `"usage":{"include":true}` as the first member of a JSON object; every other byte stays.
 * A `usage` of the client's own is left as it is.
 */
export function withUsageIncluded(
  body: Bytes,
  { hasUsage, isEmpty }: CallBody,
): Bytes {
  if (hasUsage) return body;
  const start = body.indexOf(OPENING_BRACE) + 1;
  const inserted = isEmpty ? USAGE : new Uint8Array([...USAGE, COMMA]);
  const result = new Uint8Array(body.length + inserted.length);
  result.set(body.subarray(0, start));
  result.set(inserted, start);
  result.set(body.subarray(start), start + inserted.length);
  return result;
}
