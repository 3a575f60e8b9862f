/** How many lines were printed of late: Supabase keeps 100 of a worker's within 10 s. */

/** Half a second more than ten, because the platform's clock is another. */
export const WINDOW_MS = 10_500;
/** Some less than 100: the runtime has lines of its own. */
export const MAX_LINES = 95;

export class Quota {
  /** When each line of the window was printed, oldest first. */
  readonly #printed: number[] = [];

  /** @param now milliseconds on any steady clock */
  constructor(private readonly now: () => number) {}

  /** How many lines the window holds. */
  used(): number {
    const since = this.now() - WINDOW_MS;
    while (this.#printed.length > 0 && this.#printed[0]! <= since) this.#printed.shift();
    return this.#printed.length;
  }

  /** Counts a line that is printed now. */
  spend(): void {
    this.#printed.push(this.now());
  }
}
