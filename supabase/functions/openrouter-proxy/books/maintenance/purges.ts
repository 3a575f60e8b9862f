/** What has expired is forgotten: replay keys, idempotency keys, old alerts. */
import type { Store } from "../../store/store.ts";
import type { Job } from "./job.ts";

export function createPurges(store: Pick<Store, "purge">): Job {
  return async (turn) => {
    let done = 0;
    while (turn.stopped() === null) {
      const purged = await store.purge();
      done += purged;
      if (purged === 0) return { done, left: 0 };
    }
    return { done, left: null };
  };
}
