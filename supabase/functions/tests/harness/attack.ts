/** Many requests at once whose bodies never end, from a thread of their own. */

/** What each of the requests does. */
export interface Attack {
  requests: number;
  headers: Record<string, string>;
  /** Sent at once, of the body. */
  firstBytes: number;
  /** Sent over and over after that; a request that is refused begins anew. Null: nothing is. */
  drip: { bytes: number; everyMs: number } | null;
}

export interface RunningAttack {
  /** Resolves once all have begun: where nothing drips, once all of them have stalled. */
  begun: Promise<void>;
  /** Hangs up all of them. */
  stop(): void;
}

/** Starts an attack, which goes on until it is stopped. */
export function startAttack(gateway: { url: string }, attack: Attack): RunningAttack {
  const worker = new Worker(import.meta.resolve("./attack_worker.ts"), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  worker.onmessage = () => resolve();
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage({ url: gateway.url, attack });
  return { begun: promise, stop: () => worker.terminate() };
}
