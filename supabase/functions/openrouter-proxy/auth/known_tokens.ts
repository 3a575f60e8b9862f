/**
 * Tokens that were verified before: who sends one sends it with each call, and its signature is most of
 * what a call costs here.
 */
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { hasExpired, type VerifiedToken } from "./token.ts";

export interface KnownTokens {
  /** What a token said when it was verified; null: it must be verified. */
  find(text: string): VerifiedToken | null;
  /** Remembers a token that was verified. */
  remember(text: string, token: VerifiedToken): void;
}

/** As long as a did:web document is believed. */
const BELIEVED_MS = 300_000;
/** Some megabytes, were all of them as long as tokens may be. */
const MAX_TOKENS = 2_000;

/** @param now milliseconds since the epoch */
export function createKnownTokens(now: () => number): KnownTokens {
  const tokens = new BoundedCache<{ token: VerifiedToken; until: number }>(MAX_TOKENS);
  return {
    find(text) {
      const known = tokens.get(text);
      if (known === undefined) return null;
      const { token, until } = known;
      return now() < until && !hasExpired(token.expiresAt, now() / 1000) ? token : null;
    },
    remember(text, token) {
      tokens.set(text, { token, until: now() + BELIEVED_MS });
    },
  };
}
