/** How fast bytes come in, as of late. */

/** How long what came counts, in ms: after this time, a third of it still does. */
const MEMORY_MS = 2_000;

export interface Pace {
  /** @param nowMs on the clock that `sinceMs` was told on */
  arrived(bytes: number, nowMs: number): void;
  /**
   * Bytes per ms. What comes evenly has its true pace from the first moment on; a burst that nothing
   * follows is forgotten, so that no sender can live on what it once sent.
   */
  at(nowMs: number): number;
}

export function paceSince(sinceMs: number): Pace {
  return new FadingPace(sinceMs);
}

class FadingPace implements Pace {
  /** What has come, each byte less by the time that has passed since. */
  #remembered = 0;
  #rememberedAtMs: number;

  constructor(private readonly sinceMs: number) {
    this.#rememberedAtMs = sinceMs;
  }

  arrived(bytes: number, nowMs: number): void {
    this.#fade(nowMs);
    this.#remembered += bytes;
  }

  at(nowMs: number): number {
    this.#fade(nowMs);
    const rememberedMs = MEMORY_MS * (1 - Math.exp((this.sinceMs - nowMs) / MEMORY_MS));
    return rememberedMs > 0 ? this.#remembered / rememberedMs : 0;
  }

  #fade(nowMs: number): void {
    this.#remembered *= Math.exp((this.#rememberedAtMs - nowMs) / MEMORY_MS);
    this.#rememberedAtMs = nowMs;
  }
}
