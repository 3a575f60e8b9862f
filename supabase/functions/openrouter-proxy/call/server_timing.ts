/** Durations of a request's stages, as the header Server-Timing (W3C Server Timing) shows them. */
export interface ServerTiming {
  /** Ends a stage: what passed since the last mark, or since the start. */
  mark(stage: string): void;
  /** The header's value, e.g. `auth;dur=1.2, admit;dur=4.0`; milliseconds. */
  header(): string;
}

/** @param elapsedMs milliseconds since any moment, with fractions */
export function serverTiming(elapsedMs: () => number): ServerTiming {
  return new Stages(elapsedMs);
}

/** A class, because each call has its stages: their functions are not made anew. */
class Stages implements ServerTiming {
  #header = "";
  #markedAt: number;

  constructor(private readonly elapsedMs: () => number) {
    this.#markedAt = elapsedMs();
  }

  mark(stage: string): void {
    const now = this.elapsedMs();
    const separator = this.#header === "" ? "" : ", ";
    this.#header += `${separator}${stage};dur=${(now - this.#markedAt).toFixed(1)}`;
    this.#markedAt = now;
  }

  header(): string {
    return this.#header;
  }
}
