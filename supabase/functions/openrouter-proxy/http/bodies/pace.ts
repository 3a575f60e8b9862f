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
  /** What has come, each byte less by the time that has passed since. */
  let remembered = 0;
  let rememberedAtMs = sinceMs;

  function fade(nowMs: number) {
    remembered *= Math.exp((rememberedAtMs - nowMs) / MEMORY_MS);
    rememberedAtMs = nowMs;
  }

  return {
    arrived(bytes, nowMs) {
      fade(nowMs);
      remembered += bytes;
    },
    at(nowMs) {
      fade(nowMs);
      const rememberedMs = MEMORY_MS * (1 - Math.exp((sinceMs - nowMs) / MEMORY_MS));
      return rememberedMs > 0 ? remembered / rememberedMs : 0;
    },
  };
}
