/**
 * Isolates end stale rows themselves, now and then: where no scheduler calls maintenance, a row whose
 * gateway died would stay pending.
 */
import type { Store } from "../../store.ts";

export interface SweepDeps {
  store: Pick<Store, "expireStaleRequests">;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
}

/** Postgres lets one sweep work at a time, and finds by an index that there is nothing to do. */
const EVERY_MS = 60_000;

/** Makes what is called after each settlement, and sweeps at most once a minute. */
export function createSweep({ store, now, waitUntil }: SweepDeps): () => void {
  let sweptAtMs = -Infinity;

  async function sweep() {
    try {
      await store.expireStaleRequests();
    } catch {
      // The next one will try again, and whoever has just settled is not told.
    }
  }

  return () => {
    if (now() - sweptAtMs < EVERY_MS) return;
    sweptAtMs = now();
    waitUntil(sweep());
  };
}
