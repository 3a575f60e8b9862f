/** Rows whose gateway died end. */
import type { Store } from "../../store/store.ts";
import type { Job } from "./job.ts";

export function createStaleRows(store: Pick<Store, "expireStaleRequests">): Job {
  return async (turn) => {
    let done = 0;
    while (turn.stopped() === null) {
      const expired = await store.expireStaleRequests();
      done += expired;
      if (expired === 0) return { done, left: 0 };
    }
    return { done, left: null };
  };
}
