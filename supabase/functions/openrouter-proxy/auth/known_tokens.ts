/**
 * Tokens that were verified before: who sends one sends it with each call, and its signature is most of
 * what a call costs here.
 */
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { hasExpired, type VerifiedToken } from "./token.ts";

export interface KnownTokens {
  /** What a token said when it was verified; null: it must be verified. */
  find(text: string): VerifiedToken | null;
  /**
   * Remembers a token that was verified, unless its DID is one whose keys may change meanwhile: a
   * did:web document is believed for five minutes, and its tokens for no longer than that.
   */
  remember(text: string, token: VerifiedToken): void;
}

/** Some megabytes, were all of them as long as tokens may be. */
const MAX_TOKENS = 2_000;

/** @param now milliseconds since the epoch */
export function createKnownTokens(now: () => number): KnownTokens {
  const tokens = new BoundedCache<VerifiedToken>(MAX_TOKENS);
  return {
    find(text) {
      const token = tokens.get(text);
      return token && !hasExpired(token.expiresAt, now() / 1000) ? token : null;
    },
    remember(text, token) {
      if (!token.did.startsWith("did:web:")) tokens.set(text, token);
    },
  };
}
