/** The jobs of maintenance, in their order, and what each is made of. */
import type { Log } from "../../log/log.ts";
import { createAnalytics } from "../../openrouter/analytics.ts";
import type { Management } from "../../openrouter/management.ts";
import { createManagementCall } from "../../openrouter/management_call.ts";
import type { Store } from "../../store/store.ts";
import type { AlertDelivery } from "../alerts/delivery.ts";
import { createAdoption } from "./adoption.ts";
import { createAlerts } from "./alerts.ts";
import { createComparison } from "./comparison.ts";
import { createJobCosts, type JobCostsDeps } from "./job_costs.ts";
import { createLostCalls } from "./lost_calls.ts";
import { createMaintenance, type Maintenance } from "./maintenance.ts";
import { createPurges } from "./purges.ts";
import { createStaleRows } from "./stale_rows.ts";
import { createUnpricedRows } from "./unpriced_rows.ts";

export interface AssemblyDeps {
  store: Store;
  management: Management;
  /** Opens DIDs' keys, for their jobs alone. */
  vault: JobCostsDeps["vault"];
  openrouterUrl: string;
  provisioningKey: string;
  usdPerCredit: string;
  alerts: Pick<AlertDelivery, "deliver">;
  fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  log: Log;
}

export function assembleMaintenance(deps: AssemblyDeps): Maintenance {
  const { store, management, vault, openrouterUrl, provisioningKey, usdPerCredit } = deps;
  const { alerts, fetch, now, sleep, log } = deps;
  const analytics = createAnalytics(createManagementCall(openrouterUrl, provisioningKey, fetch));
  const jobCosts = createJobCosts({ store, management, vault, openrouterUrl, fetch });
  const adopt = createAdoption({ store, management, usdPerCredit, now });
  return createMaintenance({
    store,
    turns: [
      ["stale_rows", 0.15, createStaleRows(store)],
      ["unpriced_rows", 0.6, createUnpricedRows({ store, management, jobCosts, usdPerCredit })],
      ["comparison", 0.75, createComparison({ store, management, analytics, usdPerCredit, now })],
      ["lost_calls", 0.9, createLostCalls({ store, analytics, adopt, usdPerCredit, now })],
      ["alerts", 0.97, createAlerts(alerts)],
      ["purges", 1, createPurges(store)],
    ],
    now,
    sleep,
    log,
  });
}
