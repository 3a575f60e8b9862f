/**
 * A run of maintenance: stale rows end, costs are found, the books are compared with OpenRouter's, and
 * what has expired is forgotten. All state is in Postgres: a run goes on where another one stopped,
 * whichever isolate or process had that, and one runs at a time.
 *
 * Source: docs/protocol.md, "Maintenance".
 */
import { describeError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import { ManagementError } from "../../openrouter/management_call.ts";
import type { KeyState } from "../../openrouter/management_key.ts";
import type { Store } from "../../store/store.ts";
import type { StandingDrift } from "../../store/cost_comparison.ts";
import type { Job, Outcome } from "./job.ts";
import { createTurn, type PassedOver, type Stop } from "./turn.ts";

/** What a job did, what is left, and how long it took. */
export interface JobReport extends Partial<Outcome> {
  ms: number;
  /** Why it stopped before it was done. */
  stopped?: Stop;
  /** What broke it off; with `done` and `left`: why some things were passed over. */
  failed?: string;
}

export interface MaintenanceReport {
  /** False: another run is at it, and this one did nothing. */
  ran: boolean;
  ms: number;
  jobs: Record<string, JobReport>;
  /** Sums that have differed from OpenRouter's for an hour; the largest of them. */
  drifts: StandingDrift[];
}

/** Runs once. @param budgetMs how long it may take, but for the requests that are under way by then */
export type Maintenance = (budgetMs: number) => Promise<MaintenanceReport>;

/** A job by its name, and the part of the budget by whose end it has to be done. */
export type Turns = readonly (readonly [name: string, until: number, job: Job])[];

export interface MaintenanceDeps {
  store: Pick<Store, "beginMaintenance" | "endMaintenance" | "standingDrifts">;
  turns: Turns;
  /** Milliseconds since the epoch. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Makes what tells whether OpenRouter takes the management key: each job asks anew. */
  createKeyState: () => () => Promise<KeyState>;
  log: Log;
}

/** Longer than what is under way when the budget ends may take. */
const LEASE_MARGIN_MS = 60_000;

export function createMaintenance(deps: MaintenanceDeps): Maintenance {
  const { store, turns, now, sleep, createKeyState, log } = deps;

  async function run(name: string, job: Job, untilMs: number): Promise<JobReport> {
    const beganMs = now();
    const turn = createTurn({ now, sleep, keyState: createKeyState() }, untilMs);
    const outcome = await job(turn).then((outcome) => {
      const failed = wordsOn(turn.passedOver());
      return failed === null ? outcome : { ...outcome, failed };
    }, (error: Error) => {
      // The others may do better; what it has done is done.
      log({
        level: "error",
        event: "maintenance_failed",
        job: name,
        ...describeError(error, true),
      });
      return { failed: reasonOf(error) };
    });
    for (const { subject, error } of turn.passedOver()) {
      const what = {
        level: "warn",
        event: "maintenance_passed_over",
        job: name,
        ...subject,
      } as const;
      log({ ...what, ...describeError(error, true) });
    }
    const ms = Math.round(now() - beganMs);
    const stop = turn.stopped();
    const isDone = "left" in outcome && outcome.left === 0;
    return { ...outcome, ms, ...(stop === null || isDone ? {} : { stopped: stop }) };
  }

  return async (budgetMs) => {
    const runId = crypto.randomUUID();
    const beganMs = now();
    const report: MaintenanceReport = { ran: false, ms: 0, jobs: {}, drifts: [] };
    if (!await store.beginMaintenance(runId, budgetMs + LEASE_MARGIN_MS)) return report;
    try {
      report.ran = true;
      for (const [name, until, job] of turns) {
        report.jobs[name] = await run(name, job, beganMs + budgetMs * until);
      }
      report.drifts = await store.standingDrifts();
    } finally {
      await store.endMaintenance(runId);
    }
    report.ms = Math.round(now() - beganMs);
    log({ level: "info", event: "maintenance", ms: report.ms, ...report.jobs });
    for (const drift of report.drifts) log({ level: "warn", event: "cost_drift", ...drift });
    return report;
  };
}

function reasonOf(error: Error): string {
  return error instanceof ManagementError ? error.message : describeError(error, false).error;
}

/** Null: nothing was passed over. */
function wordsOn(passedOver: readonly PassedOver[]): string | null {
  const [first] = passedOver;
  return first === undefined
    ? null
    : `passed over ${passedOver.length}, the first because of this: ${reasonOf(first.error)}`;
}
