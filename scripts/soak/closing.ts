/** What an operator's scheduled jobs do after a bad day, as if they had the hours for it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MaintenanceReport } from "../../supabase/functions/openrouter-proxy/books/maintenance/maintenance.ts";
import { reconcileLater } from "../../supabase/functions/tests/harness/accounts.ts";
import type { Database } from "../../supabase/functions/tests/harness/database.ts";
import { failuresOf, requestMaintenance } from "../operator/maintenance_client.ts";
import type { SoakWorld } from "./world.ts";

/** claim_unpriced_requests asks for the cost of a row that has ended at least ten seconds ago. */
const PRICED_AFTER_MS = 10_500;
/** How long a gateway may take to book what has ended; later, its rows count as lost. */
const BOOKED_WITHIN_MS = 15_000;
const POLL_MS = 500;
const LEASE_POLL_MS = 5_000;
/** OpenRouter may not know a generation for two minutes, and answers 64 bulk queries a minute. */
const CLOSED_WITHIN_MS = 10 * 60_000;

export interface Closing {
  /** Rows whose gateway had died. */
  lostRows: number;
  maintenanceRuns: number;
  /** What failed of it, or what there was still to do. */
  failures: string[];
  /** What `deno task reconcile keys --apply` said. */
  reconciliation: string[];
}

/** Puts the books right: no request is under way any more. */
export async function closeBooks(
  world: SoakWorld,
  db: Database,
  onProgress: (message: string) => void,
): Promise<Closing> {
  const { gateway, openrouter, secretKey } = world;
  const deadline = performance.now() + CLOSED_WITHIN_MS;
  const failures: string[] = [];
  let maintenanceRuns = 0;

  /** One run. @returns whether it has found nothing that another one could put right */
  async function maintain(): Promise<boolean> {
    const target = { gatewayUrl: gateway.current.url, secretKey };
    let report = await requestMaintenance(target);
    // A gateway that was killed at it holds the lease of the runs for two minutes.
    while (!report.ran && performance.now() < deadline) {
      await sleep(LEASE_POLL_MS);
      report = await requestMaintenance(target);
    }
    onProgress(`maintenance ${++maintenanceRuns}: ${summaryOf(report)}`);
    failures.push(...failuresOf(report));
    if (performance.now() > deadline) failures.push(`still left: ${summaryOf(report)}`);
    return failures.length > 0 || isDone(report);
  }

  await openrouter.quiet();
  onProgress("waiting for what is still being booked");
  const lostRows = await endRows(db);
  await sleep(PRICED_AFTER_MS);
  await maintain();
  const shifted = await letAnHourPass(db);
  while (!await maintain()) {
    await sleep(POLL_MS);
    await lookAgain(db);
  }
  await db.sql`
    update public.request_logs set response_time = response_time + ${HOUR}::interval
    where id = any (${shifted}::uuid[])`;
  const reconciliation = await reconcileLater({ db, openrouter });
  return { lostRows, maintenanceRuns, failures, reconciliation };
}

/** Waits until no row is pending. @returns how many of them nobody was booking any more */
async function endRows({ sql }: Database): Promise<number> {
  const lostAfter = performance.now() + BOOKED_WITHIN_MS;
  let lost = 0;
  while (true) {
    const [row] = await sql<{ is_pending: boolean }[]>`
      select exists (select from public.request_logs where status = 'pending') as is_pending`;
    if (!row!.is_pending) return lost;
    await sleep(POLL_MS);
    if (performance.now() < lostAfter) continue;
    const [expired] = await sql<{ count: number }[]>`
      select public.expire_stale_requests(${`${BOOKED_WITHIN_MS} ms`}::interval) as count`;
    lost += expired!.count;
  }
}

const HOUR = "61 minutes";

/**
 * Lets rows without a cost look as if they had ended an hour ago: what nobody has learnt by then never
 * will be. No attempt to make a key is under way by then.
 *
 * @returns their ids: a row's times are in the totals, to which they must be put back
 */
async function letAnHourPass(db: Database): Promise<string[]> {
  const rows = await db.sql<{ id: string }[]>`
    update public.request_logs set response_time = response_time - ${HOUR}::interval
    where total_cost is null and status <> 'pending'
    returning id`;
  await db.sql`
    update public.key_provisioning set expires_at = clock_timestamp() - interval '1 second'
    where expires_at > clock_timestamp()`;
  await lookAgain(db);
  return rows.map(({ id }) => id);
}

/** What was looked for in vain is looked for again now, instead of ever later. */
async function lookAgain({ sql }: Database): Promise<void> {
  await sql`
    update public.request_logs set cost_ask_after = now()
    where total_cost is null and cost_ask_after > now()`;
  await sql`update public.cost_checks set search_after = now() where search_after > now()`;
}

function isDone({ jobs }: MaintenanceReport): boolean {
  const { differs = 0, busy = 0, unknown = 0 } = jobs.comparison?.details ?? {};
  return differs + busy + unknown === 0 &&
    Object.values(jobs).every(({ left = 0, stopped }) => left === 0 && stopped === undefined);
}

function summaryOf({ ran, jobs }: MaintenanceReport): string {
  if (!ran) return "another one is running";
  return Object.entries(jobs).filter(([, { done, left }]) => done || left)
    .map(([name, { done, left, details = {} }]) => {
      const more = Object.entries(details).filter(([, count]) => count > 0)
        .map(([what, count]) => `, ${count} ${what}`).join("");
      return `${name} ${done} done${more}, ${left ?? "some"} left`;
    }).join("; ") || "nothing to do";
}
