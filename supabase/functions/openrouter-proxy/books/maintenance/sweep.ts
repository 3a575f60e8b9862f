/**
 * Isolates end stale rows and deliver alerts themselves, now and then: where no scheduler calls
 * maintenance, a row whose gateway died would stay pending, and an alert that the webhook did not take
 * would stay untold.
 */
import { isWithin } from "../../concurrency/is_within.ts";
import type { Store } from "../../store/store.ts";
import type { AlertDelivery } from "../alerts/delivery.ts";

export interface SweepDeps {
  store: Pick<Store, "expireStaleRequests">;
  alerts: Pick<AlertDelivery, "soon">;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Keeps the isolate alive until the promise is settled. */
  waitUntil: (promise: Promise<unknown>) => void;
}

/** Postgres lets one sweep work at a time, and finds by an index that there is nothing to do. */
const EVERY_MS = 60_000;

/** Makes what is called after each settlement, and sweeps at most once a minute. */
export function createSweep({ store, alerts, now, waitUntil }: SweepDeps): () => void {
  let sweptAtMs = -Infinity;

  async function sweep() {
    try {
      await store.expireStaleRequests();
    } catch {
      // The next one will try again, and whoever has just settled is not told.
    }
  }

  return () => {
    const nowMs = now();
    if (isWithin(EVERY_MS, sweptAtMs, nowMs)) return;
    sweptAtMs = nowMs;
    waitUntil(sweep());
    alerts.soon();
  };
}
