/** Alerts that are due are delivered. */
import type { AlertDelivery } from "../alerts/delivery.ts";
import type { Job } from "./job.ts";

export function createAlerts({ deliver }: Pick<AlertDelivery, "deliver">): Job {
  return async (turn) => {
    const { done, failed, left } = await deliver(Infinity, () => turn.stopped() !== null);
    return { done, left, details: { failed } };
  };
}
