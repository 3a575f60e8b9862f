/** Maintenance's lease, rows that nobody ends, and what is no longer kept. */
import { milliseconds, type StoreCall } from "./rpc.ts";

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function housekeepingCalls(call: StoreCall) {
  return {
    /** Takes the lease under which one maintenance runs at a time. False: another one holds it. */
    async beginMaintenance(runId: string, leaseMs: number): Promise<boolean> {
      return await call("begin_maintenance", {
        p_run_id: runId,
        p_lease: milliseconds(leaseMs),
      }) as boolean;
    },

    async endMaintenance(runId: string): Promise<void> {
      await call("end_maintenance", { p_run_id: runId });
    },

    /** Ends rows that have been pending for longer than any request can last. @returns how many */
    async expireStaleRequests(): Promise<number> {
      return await call("expire_stale_requests", {}) as number;
    },

    /**
     * Forgets what is no longer kept, some at a time: replay keys, idempotency keys, totals of hours,
     * alerts. Adds the totals of all DIDs up. @returns how much it forgot
     */
    async purge(): Promise<number> {
      const messages = await call("purge_accepted_messages", {}) as number;
      const keys = await call("purge_idempotency_keys", {}) as number;
      const hours = await call("purge_usage_hourly", {}) as number;
      await call("add_up_days", {});
      return messages + keys + hours + (await call("purge_budget_alerts", {}) as number);
    },
  };
}
