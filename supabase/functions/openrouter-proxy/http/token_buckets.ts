/**
 * Token buckets in memory, one for each key: so many at once, and as many again within each minute.
 *
 * All sums are of whole numbers, so that one passes exactly when it was told that it would.
 */
import { BoundedCache } from "../bytes/bounded_cache.ts";

const MINUTE_MS = 60_000;

/** How a bucket stands. */
export interface Level {
  /** Tokens in a full bucket, and how many come within a minute. */
  limit: number;
  /** Whole tokens that are there. */
  remaining: number;
  /** Whole seconds until the bucket is full again. */
  resetSeconds: number;
  /** Whole seconds until there is a token; 0: there is one. */
  retryAfterSeconds: number;
}

interface Bucket {
  /** What is missing, in minutes' parts: a token is MINUTE_MS, and each millisecond pays `limit`. */
  debt: number;
  /** When that was so, in milliseconds. */
  atMs: number;
}

export class TokenBuckets {
  readonly #buckets: BoundedCache<Bucket>;

  /**
   * @param perMinute tokens in a full bucket, and how many come within a minute
   * @param capacity how many buckets are kept; one that is forgotten is full
   * @param now milliseconds, whole ones
   */
  constructor(
    private readonly perMinute: number,
    capacity: number,
    private readonly now: () => number,
  ) {
    this.#buckets = new BoundedCache(capacity);
  }

  level(key: string): Level {
    return this.#levelOf(this.#debtOf(key));
  }

  /** Takes a token; from an empty bucket nothing. @returns how the bucket stands after that */
  take(key: string): Level {
    const debt = Math.min(this.#debtOf(key) + MINUTE_MS, this.perMinute * MINUTE_MS);
    this.#buckets.set(key, { debt, atMs: this.now() });
    return this.#levelOf(debt);
  }

  #debtOf(key: string): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return 0;
    const nowMs = this.now();
    // A clock that was set back pays nothing, and pays again from there on.
    if (nowMs < bucket.atMs) bucket.atMs = nowMs;
    const paid = (nowMs - bucket.atMs) * this.perMinute;
    return Math.max(0, bucket.debt - paid);
  }

  #levelOf(debt: number): Level {
    const limit = this.perMinute;
    const remaining = Math.floor((limit * MINUTE_MS - debt) / MINUTE_MS);
    const lacking = debt - (limit - 1) * MINUTE_MS;
    return {
      limit,
      remaining,
      resetSeconds: Math.ceil(debt / (limit * 1000)),
      retryAfterSeconds: remaining > 0 ? 0 : Math.ceil(lacking / (limit * 1000)),
    };
  }
}
