/**
 * What one DID may ask of an isolate within a minute, before anything is asked of Postgres: reads, and
 * whatever the gateway refuses. The rates of calls that cost are Postgres's, over all isolates.
 *
 * Source: docs/protocol.md, "Rates".
 */
import type { Context } from "hono";
import { type ErrorType, GatewayError } from "../errors.ts";
import type { AnswerStep } from "./around_routes.ts";
import { rateLimited } from "./rate_limited.ts";
import type { RequestEnv } from "./request_log.ts";
import { type Level, TokenBuckets } from "./token_buckets.ts";

export interface Rates {
  /**
   * Lets a request go on, once its DID is verified, unless that was refused too often.
   *
   * @throws {GatewayError} rate_limited
   */
  hear(did: string): void;
  /**
   * Counts a request that reads, when nobody but Postgres can refuse it: before that, a token that is
   * revoked would count for the DID that has revoked it.
   *
   * @throws {GatewayError} rate_limited
   */
  countRead(c: Context<RequestEnv>, did: string): void;
  /** Counts the requests of verified DIDs that end with a refusal. */
  countRefusals: AnswerStep;
}

/** How often a DID may be refused within a minute. */
const REFUSALS_PER_MINUTE = 120;
/**
 * What only somebody says who has asked Postgres. Not 401: whoever has seen a signed message could send
 * it again in the name of its DID.
 */
const COUNTED: ErrorType[] = [
  "budget_exceeded",
  "access_denied",
  "model_not_allowed",
  "feature_not_allowed",
  "not_found",
  "duplicate_request",
  "rate_limited",
];
/** Each some hundred bytes, with a DID of at most 512 characters. */
const MAX_DIDS = 10_000;

/**
 * @param readsPerMinute GET and HEAD of one DID
 * @param now milliseconds, whole ones
 */
export function createRates(readsPerMinute: number, now: () => number): Rates {
  const reads = new TokenBuckets(readsPerMinute, MAX_DIDS, now);
  const refusals = new TokenBuckets(REFUSALS_PER_MINUTE, MAX_DIDS, now);
  /** The refusals that come from here: another one costs nothing, so that it does not count. */
  const own = new WeakSet<Error>();

  function assertThereIsOne(level: Level, what: string) {
    const { retryAfterSeconds, limit } = level;
    if (retryAfterSeconds === 0) return;
    const message = `this DID has ${what} ${limit} times within a minute: wait for ` +
      `${retryAfterSeconds} s`;
    const refusal = rateLimited({ ...level, scope: "did", message });
    own.add(refusal);
    throw refusal;
  }

  return {
    hear(did) {
      assertThereIsOne(refusals.level(did), "been refused");
    },

    countRead(c, did) {
      const { method } = c.req.raw;
      if (method !== "GET" && method !== "HEAD") return;
      assertThereIsOne(reads.level(did), "read");
      c.set("rate", reads.take(did));
    },

    countRefusals(c) {
      const { error } = c;
      const did = c.get("did");
      if (did === undefined || !(error instanceof GatewayError) || own.has(error)) return;
      if (COUNTED.includes(error.type)) refusals.take(did);
    },
  };
}
