/** Durations of a request's stages, as the header Server-Timing (W3C Server Timing) shows them. */
export interface ServerTiming {
  /** Ends a stage: what passed since the last mark, or since the start. */
  mark(stage: string): void;
  /** The header's value, e.g. `auth;dur=1.2, admit;dur=4.0`; milliseconds. */
  header(): string;
}

/** @param elapsedMs milliseconds since any moment, with fractions */
export function serverTiming(elapsedMs: () => number): ServerTiming {
  const entries: string[] = [];
  let last = elapsedMs();
  return {
    mark(stage) {
      const current = elapsedMs();
      entries.push(`${stage};dur=${(current - last).toFixed(1)}`);
      last = current;
    },
    header: () => entries.join(", "),
  };
}
