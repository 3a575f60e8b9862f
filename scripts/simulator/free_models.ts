/**
 * The calls of free models, which all keys of the account share.
 *
 * Source: openrouter.md, "Others".
 */
import { ApiError, apiError } from "./errors.ts";

const A_MINUTE = 20;
/** Of an account that bought credits. */
const A_DAY = 1000;
const DAY_MS = 86_400_000;

export class FreeModelQuota {
  /** When the calls of today and of the last minute began, in ms. */
  #calls: number[] = [];

  /** @throws {ApiError} 429 where the minute's or the day's calls are used up */
  take(): void {
    const now = Date.now();
    this.#calls = this.#calls.filter((at) => at > now - 60_000 || sameDay(at, now));
    const recent = this.#calls.filter((at) => at > now - 60_000);
    if (recent.length >= A_MINUTE) throw refusal("per-min", A_MINUTE, recent[0]! + 60_000);
    if (this.today().used >= A_DAY) {
      throw refusal("per-day", A_DAY, (Math.floor(now / DAY_MS) + 1) * DAY_MS);
    }
    this.#calls.push(now);
  }

  /** As `GET /key` shows it. */
  today(): { used: number; limit: number; remaining: number } {
    const used = this.#calls.filter((at) => sameDay(at, Date.now())).length;
    return { used, limit: A_DAY, remaining: Math.max(0, A_DAY - used) };
  }
}

function sameDay(a: number, b: number): boolean {
  return Math.floor(a / DAY_MS) === Math.floor(b / DAY_MS);
}

function refusal(period: string, limit: number, resetMs: number): ApiError {
  return apiError(429, `Rate limit exceeded: free-models-${period}`, undefined, {
    "X-RateLimit-Limit": String(limit),
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": String(resetMs),
  });
}
