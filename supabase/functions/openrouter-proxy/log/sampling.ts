/** Which of many events are printed: so few that they fit in a window, evenly. */
import { WINDOW_MS } from "./quota.ts";

/**
 * Is asked at each event, and says whether it is to be printed.
 *
 * @param count how many events a line would stand for
 */
export type Sample = (count: number) => boolean;

/**
 * One in `least`, or in as many more as the window before had too many.
 *
 * @param mostLines how many lines of a window there may be
 * @param now milliseconds on any steady clock
 */
export function oneIn(least: number, mostLines: number, now: () => number): Sample {
  let beganAt = now();
  let seen = 0;
  let every = least;
  return (count) => {
    const elapsed = now() - beganAt;
    if (elapsed >= WINDOW_MS) {
      // Of a window in which nothing happened, none is known.
      const inWindow = elapsed >= 2 * WINDOW_MS ? 0 : seen;
      every = Math.max(least, Math.ceil(inWindow / mostLines));
      beganAt = now();
      seen = 0;
    }
    seen++;
    return count >= every;
  };
}
