/** Tests of how long somebody waits by AbortSignal.timeout. */

/** Runs this while every such wait is over at once. @returns how long each was to last, in ms */
export async function withTimeouts(run: () => Promise<void>): Promise<number[]> {
  const { timeout } = AbortSignal;
  const waits: number[] = [];
  AbortSignal.timeout = (ms) => {
    waits.push(ms);
    return AbortSignal.abort(new DOMException("timed out", "TimeoutError"));
  };
  try {
    await run();
  } finally {
    AbortSignal.timeout = timeout;
  }
  return waits;
}
