/** Tokens that renew by themselves. */
import { createDidToken, type TokenClaims } from "./did_token.ts";
import type { Identity } from "./identity.ts";
import { type GatewayLocation, locate } from "./signed_fetch.ts";
import { createWalletSession } from "./wallet_session.ts";

export interface TokenSource {
  /**
   * A token with some of its life left. It needs no `this`: an SDK takes it as it is
   * (`apiKey: tokens.get`).
   */
  readonly get: () => Promise<string>;
}

export interface TokenSourceOptions extends Omit<GatewayLocation, "fetch"> {
  /** Life of each token in seconds: an hour, for did:pkh (wallet sessions) a day, unless given. */
  ttlSeconds?: number | undefined;
  /** Milliseconds since the epoch; `Date.now` unless given. */
  now?: (() => number) | undefined;
}

/** How long before its end a token is renewed, at most: a clock may lag behind by as much. */
const MARGIN_SECONDS = 600;
/** How far `iat` lies back: together with the gateway's 60 s, a clock may be this much ahead. */
const BACKDATING_SECONDS = 30;
/** After a renewal that failed while the old token still lived: a declined wallet is not pestered. */
const PAUSE_SECONDS = 60;

interface HeldToken {
  readonly token: string;
  /** All in seconds since the epoch, by this machine's clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  renewAt: number;
}

/**
 * Makes tokens of an identity (wallet sessions, for did:pkh) and renews each well before it expires.
 * Callers that ask at the same time share one renewal, so that a wallet asks its owner once. When a
 * renewal fails, the old token is given as long as it lives, and the error after that.
 */
export function tokenSource(identity: Identity, options: TokenSourceOptions): TokenSource {
  const { audience } = locate(options);
  const ttlSeconds = options.ttlSeconds ?? (identity.algorithm === "EIP-191" ? 86_400 : 3600);
  const clock = options.now ?? Date.now;
  const now = () => Math.floor(clock() / 1000);
  const margin = Math.min(MARGIN_SECONDS, Math.floor(ttlSeconds / 6));
  const backdating = Math.min(BACKDATING_SECONDS, Math.floor(ttlSeconds / 10));
  let held: HeldToken | null = null;
  let renewal: Promise<string> | null = null;

  async function renew(): Promise<string> {
    const issuedAt = now() - backdating;
    const expiresAt = issuedAt + ttlSeconds;
    try {
      const token = await createToken(identity, { audience, issuedAt, ttlSeconds });
      held = { token, issuedAt, expiresAt, renewAt: expiresAt - margin };
      return token;
    } catch (error) {
      if (held === null || now() >= held.expiresAt) throw error;
      held.renewAt = now() + PAUSE_SECONDS;
      return held.token;
    } finally {
      renewal = null;
    }
  }

  return {
    get: async () => {
      // A clock that was set back would make the token one of the future.
      if (held !== null && now() < held.renewAt && now() >= held.issuedAt) return held.token;
      return await (renewal ??= renew());
    },
  };
}

/**
 * The token that an identity's key can sign: a wallet session for did:pkh, else a DID token.
 *
 * @throws as {@linkcode createWalletSession} and {@linkcode createDidToken}
 */
export async function createToken(identity: Identity, claims: TokenClaims): Promise<string> {
  const create = identity.algorithm === "EIP-191" ? createWalletSession : createDidToken;
  return await create(identity, claims);
}
