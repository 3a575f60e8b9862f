/**
 * Tokens that are revoked, as Postgres said of one a moment ago: whoever goes on with such a token takes
 * nothing from the rates of its DID, which may have lost it, and does not keep Postgres busy.
 */
import type { Context } from "hono";
import { BoundedCache } from "../bytes/bounded_cache.ts";
import { isWithin } from "../concurrency/is_within.ts";
import type { AnswerStep } from "../http/around_routes.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { TokenRevoked } from "./refusals.ts";

export interface RevokedTokens {
  /**
   * Refuses a verified token of which Postgres said a moment ago that it is revoked.
   *
   * @param issuedAt the token's `iat`
   * @throws {GatewayError} invalid_token
   */
  refuse(c: Context<RequestEnv>, did: string, issuedAt: Date): void;
  /** Remembers the token that Postgres said is revoked. */
  note: AnswerStep;
}

/** Short: the operator may take a revocation back. */
const REMEMBERED_MS = 10_000;
/** Each some hundred bytes, with a DID of at most 512 characters. */
const MAX_DIDS = 1_000;

/** @param now milliseconds since the epoch */
export function createRevokedTokens(now: () => number): RevokedTokens {
  /** Of a DID, the newest token that is revoked: so are those that were issued before it. */
  const newest = new BoundedCache<{ issuedAt: Date; notedAt: number }>(MAX_DIDS);

  function isRevoked(did: string, issuedAt: Date): boolean {
    const known = newest.get(did);
    return known !== undefined && issuedAt <= known.issuedAt &&
      isWithin(REMEMBERED_MS, known.notedAt, now());
  }

  return {
    refuse(c, did, issuedAt) {
      if (isRevoked(did, issuedAt)) throw new TokenRevoked();
      c.set("tokenToAskOf", issuedAt);
    },

    note(c) {
      if (!(c.error instanceof TokenRevoked)) return;
      const [did, issuedAt] = [c.get("did"), c.get("tokenToAskOf")];
      if (did !== undefined && issuedAt !== undefined) {
        newest.set(did, { issuedAt, notedAt: now() });
      }
    },
  };
}
