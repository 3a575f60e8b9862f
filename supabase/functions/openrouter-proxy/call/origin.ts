/**
 * What a request belongs to, in the client's own words: a session, and a label.
 *
 * Source: docs/protocol.md, "Sessions and labels".
 */
import { strictTextOf } from "../bytes/encodings.ts";
import { GatewayError } from "../errors.ts";
import type { Origin } from "../store/usage.ts";

export type { Origin };

export const NO_ORIGIN: Origin = { session: null, label: null };

/** As many characters (code points) as Postgres counts. */
export const MAX_ORIGIN_LENGTH = 128;

/**
 * @param sessionId `session_id` of the body, which counts before the headers
 * @throws {GatewayError} invalid_request for one that is too long, or holds what no name has
 */
export function originOf(headers: Headers, sessionId: string | null): Origin {
  const session = named("session_id", sessionId) ?? inHeader(headers, "x-session-id") ??
    inHeader(headers, "x-claude-code-session-id");
  return { session, label: inHeader(headers, "x-label") };
}

function inHeader(headers: Headers, name: string): string | null {
  return named(name, headerText(headers, name));
}

/** Null for an empty one, too. */
function named(name: string, value: string | null): string | null {
  return value === null || value === "" ? null : assertName(name, value);
}

/**
 * Refuses what cannot be the name of a session or a label.
 *
 * @param param what it is called where it was sent
 * @throws {GatewayError} invalid_request
 */
export function assertName(param: string, value: string): string {
  const characters = [...value.slice(0, 2 * MAX_ORIGIN_LENGTH + 1)].length;
  // Control characters of both sets; JSON and percent-encoding can write them and lone surrogates.
  const isPrintable = value.isWellFormed() && !/\p{Cc}/u.test(value);
  if (characters <= MAX_ORIGIN_LENGTH && isPrintable) return value;
  throw new GatewayError(
    "invalid_request",
    `${param} must be at most ${MAX_ORIGIN_LENGTH} characters, without control characters`,
    { details: { param } },
  );
}

/** A header's value, whose bytes count as UTF-8 where they are that: Fetch reads them as Latin-1. */
function headerText(headers: Headers, name: string): string | null {
  const value = headers.get(name);
  if (value === null || !/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  try {
    return strictTextOf(bytes);
  } catch {
    return value;
  }
}
