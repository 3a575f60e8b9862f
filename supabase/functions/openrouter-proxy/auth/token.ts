/** What DID tokens and wallet sessions have in common: how long they are good, and how that is told. */
import { GatewayError } from "../errors.ts";
import type { ResolveDid } from "./did.ts";
import type { KnownTokens } from "./known_tokens.ts";

export interface TokenContext {
  /** What a token must name as its audience. */
  readonly audience: string;
  readonly maxTokenLifetimeSeconds: number;
  readonly maxWalletSessionSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly resolve: ResolveDid;
  readonly known: KnownTokens;
}

export interface VerifiedToken {
  /** In the one spelling that an account has. */
  readonly did: string;
  readonly issuedAt: Date;
  /** In seconds since the epoch. */
  readonly expiresAt: number;
}

/** In characters. */
export const MAX_TOKEN_LENGTH = 4096;
const SKEW_SECONDS = 60;

/** When a token is good, in seconds since the epoch; or the names of these three in a kind of token. */
interface Life<Value> {
  readonly issuedAt: Value;
  readonly notBefore: Value;
  readonly expiresAt: Value;
}

/**
 * @throws {GatewayError} invalid_token where the life is none, too long, or has not begun;
 * expired_token where it is over
 */
export function assertLife(
  { issuedAt, notBefore, expiresAt }:
    & Life<number | null>
    & Pick<Life<number>, "issuedAt" | "expiresAt">,
  names: Life<string>,
  maxSeconds: number,
  nowSeconds: number,
): void {
  const invalid = (message: string) => tokenRefusal("invalid_token", message, nowSeconds);
  if (expiresAt <= issuedAt || expiresAt - issuedAt > maxSeconds) {
    throw invalid(`${names.expiresAt} must be after ${names.issuedAt} by at most ${maxSeconds} s`);
  }
  if (issuedAt > nowSeconds + SKEW_SECONDS) throw invalid(`${names.issuedAt} is in the future`);
  if (notBefore !== null && notBefore > nowSeconds + SKEW_SECONDS) {
    throw invalid(`${names.notBefore} is in the future`);
  }
  if (hasExpired(expiresAt, nowSeconds)) {
    const at = new Date(expiresAt * 1000).toISOString();
    const ago = Math.floor(nowSeconds - expiresAt);
    throw tokenRefusal(
      "expired_token",
      `the token has expired at ${at}, ${ago} s ago: make a new one`,
      nowSeconds,
    );
  }
}

export function hasExpired(expiresAt: number, nowSeconds: number): boolean {
  return expiresAt + SKEW_SECONDS <= nowSeconds;
}

/** What a token says, so much of it as an error repeats. */
export function quoted(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** The refusal of a token, with the clock that it was judged by. */
export function tokenRefusal(
  type: "invalid_token" | "expired_token",
  message: string,
  nowSeconds: number,
): GatewayError {
  return new GatewayError(type, message, { details: { server_time: Math.floor(nowSeconds) } });
}
