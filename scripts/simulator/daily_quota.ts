/** What an account may do so often a day, UTC, all of its keys together. */
import { apiError } from "./errors.ts";

const DAY_MS = 86_400_000;

export class DailyQuota {
  #day = 0;
  #used = 0;

  /** @param now the clock, in ms */
  constructor(private readonly limit: number, private readonly now: () => number = Date.now) {}

  /** @throws {ApiError} 429 where the day's are used up */
  take(): void {
    const day = Math.floor(this.now() / DAY_MS);
    if (day !== this.#day) [this.#day, this.#used] = [day, 0];
    if (this.#used >= this.limit) {
      throw apiError(429, undefined, undefined, {
        "X-RateLimit-Limit": String(this.limit),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": String((day + 1) * DAY_MS),
      });
    }
    this.#used++;
  }
}
