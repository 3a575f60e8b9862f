/** The jobs of maintenance, in their order, and what each is made of. */
import type { Log } from "../../log/log.ts";
import { createAnalytics } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import { createManagementCall } from "../../openrouter/management_call.ts";
import { createKeyCheck } from "../../openrouter/management_key.ts";
import type { Store } from "../../store/store.ts";
import type { AlertDelivery } from "../alerts/delivery.ts";
import { createAdoption } from "./adoption.ts";
import { createAlerts } from "./alerts.ts";
import { createComparison } from "./comparison.ts";
import { createJobCosts, type JobCostsDeps } from "./job_costs.ts";
import { createLostCalls } from "./lost_calls.ts";
import { createMaintenance, type Maintenance, type Turns } from "./maintenance.ts";
import { untilNothingIsLeft } from "./job.ts";
import { createUnpricedRows } from "./unpriced_rows.ts";

export interface AssemblyDeps {
  store: Store;
  management: Management;
  /** Opens DIDs' keys, for their jobs alone. */
  vault: JobCostsDeps["vault"];
  openrouterUrl: string;
  managementKey: string;
  usdPerCredit: string;
  alerts: Pick<AlertDelivery, "deliver">;
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  log: Log;
}

export function assembleMaintenance(deps: AssemblyDeps): Maintenance {
  const { openrouterUrl, managementKey, fetch, now } = deps;
  const createKeyState = () => createKeyCheck(openrouterUrl, managementKey, fetch, now);
  return createMaintenance({ ...deps, turns: turnsOf(deps), createKeyState });
}

/** What comes late in a run has what those before it have left of their time. */
export function turnsOf(deps: AssemblyDeps): Turns {
  const { store, management, vault, openrouterUrl, managementKey, usdPerCredit } = deps;
  const { alerts, fetch, now } = deps;
  const analytics = createAnalytics(createManagementCall(openrouterUrl, managementKey, fetch));
  const jobCosts = createJobCosts({ store, management, vault, openrouterUrl, fetch });
  const adopt = createAdoption({ store, management, usdPerCredit, now });
  return [
    // Rows whose gateway died.
    ["stale_rows", 0.15, untilNothingIsLeft(() => store.expireStaleRequests())],
    ["unpriced_rows", 0.6, createUnpricedRows({ store, management, jobCosts, usdPerCredit })],
    ["comparison", 0.75, createComparison({ store, management, analytics, usdPerCredit, now })],
    ["lost_calls", 0.9, createLostCalls({ store, analytics, adopt, usdPerCredit, now })],
    ["alerts", 0.97, createAlerts(alerts)],
    // What has expired: replay keys, idempotency keys, old alerts.
    ["purges", 1, untilNothingIsLeft(() => store.purge())],
  ];
}
