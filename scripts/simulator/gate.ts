/** A place where calls wait for each other. */
export class Gate {
  readonly #waiting = new Set<() => void>();

  /** Resolves when `count` calls are here at the same time; for one whose client goes, at once. */
  async pass(count: number, gone: Promise<void>): Promise<void> {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    this.#waiting.add(open);
    if (this.#waiting.size >= count) {
      for (const openOther of this.#waiting) openOther();
      this.#waiting.clear();
    }
    await Promise.race([opened, gone]);
    this.#waiting.delete(open);
  }
}
