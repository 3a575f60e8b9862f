/** A fetch whose other end is a test. */

/** What fetch is called with, as far as the gateway sets it. */
export interface Sent {
  url: string;
  method?: string;
  headers?: HeadersInit;
  body?: unknown;
  redirect?: string;
  duplex?: string;
  signal?: AbortSignal;
}

/** A fetch that answers as this function does. */
export function fakeFetch(answer: (sent: Sent) => Promise<Response>): typeof fetch {
  return (input, init) => answer({ ...init as Omit<Sent, "url">, url: String(input) });
}

/** A fetch that gives these one after the other, and what it was called with. */
export function scriptedFetch(...outcomes: (Response | Error)[]) {
  const calls: Sent[] = [];
  const fetch = fakeFetch((sent) => {
    calls.push(sent);
    const outcome = outcomes[calls.length - 1] ?? new Error("one request too many");
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  });
  return { calls, fetch };
}

/** A fetch that never answers, but rejects as fetch does when its signal aborts. */
export const silentFetch = fakeFetch(({ signal }) =>
  new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  })
);
