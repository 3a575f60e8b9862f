/** What has to be done at its time, whoever asks for it. */
import type { Query } from "../../operator/hosted_project.ts";
import { bad, type Check, ok, unchecked } from "../check.ts";
import { push } from "../remedies.ts";

const DOES_WITHOUT = "on this machine nothing is scheduled: deno task maintain";
/** The longest schedule is ten minutes. */
const OVERDUE = "interval '1 hour'";

/** Whether pg_cron is there, and the names of what schedule_housekeeping schedules. */
async function scheduling(query: Query): Promise<{ hasCron: boolean; names: string[] }> {
  const [row] = await query(String.raw`
    select to_regclass('cron.job') is not null as has_cron,
      (
        select string_agg(found[1], ' ')
        from pg_catalog.pg_proc,
          regexp_matches(prosrc, '\(''(llm-gateway-[a-z-]+)'', ''', 'g') as found
        where oid = 'public.schedule_housekeeping'::regproc
      ) as names`);
  return { hasCron: row!.has_cron === true, names: String(row!.names).split(" ") };
}

/** Whether pg_cron has a job of this name. */
export async function isScheduled(query: Query, name: string): Promise<boolean> {
  const [cron] = await query("select to_regclass('cron.job') is not null as there");
  return cron!.there === true && (await jobsOf(query)).has(name);
}

interface Job {
  name: string;
  active: boolean;
  /** Its last run that has ended; null: none has. */
  status: string | null;
  message: string | null;
  overdue: boolean | null;
}

async function jobsOf(query: Query): Promise<Map<string, Job>> {
  const rows = await query(`
    select job.jobname as name, job.active, run.status, run.return_message as message,
      run.start_time < now() - ${OVERDUE} as overdue
    from cron.job
    left join lateral (
      select status, return_message, start_time from cron.job_run_details
      where jobid = job.jobid and status in ('succeeded', 'failed')
      order by start_time desc limit 1
    ) as run on true
    where job.jobname like 'llm-gateway-%'`);
  return new Map(rows.map((row) => [String(row.name), row as unknown as Job]));
}

/** What is wrong with a job, to complete a sentence; null: nothing, or nothing yet. */
function faultOf(job: Job | undefined): string | null {
  if (job === undefined) return "is not scheduled";
  if (!job.active) return "is switched off";
  if (job.status === "failed") return `failed: ${job.message}`;
  return job.overdue ? "has not run for an hour" : null;
}

export const jobs: Check = {
  name: "jobs",
  looksAt: "pg_cron has the housekeeping, and its last runs were good",
  after: ["migrations"],
  remedyOfError: push,
  async look({ query, isLocal }) {
    const { hasCron, names } = await scheduling(query!);
    if (!hasCron) {
      if (isLocal) return ok(DOES_WITHOUT);
      return bad(
        "pg_cron is not enabled: nothing is purged, no partition is made",
        "Enable pg_cron (dashboard, Database, Extensions), then: select schedule_housekeeping();\n" +
          "Where it cannot be, keep running: deno task maintain --every 5m",
      );
    }
    const known = await jobsOf(query!);
    const faults = names.flatMap((name) => {
      const fault = faultOf(known.get(name));
      return fault === null ? [] : [`${name} ${fault}`];
    });
    if (faults.length > 0) return bad(faults.join("; "), "select schedule_housekeeping();");
    if (names.every((name) => known.get(name)!.status === null)) {
      return unchecked(`${names.length} are scheduled, none has run yet: look again in a minute`);
    }
    return ok(`${names.length} are scheduled and run`);
  },
};

export const maintenance: Check = {
  name: "maintenance",
  looksAt: "something asks for POST /api/v1/maintenance, which finds costs that came late",
  after: ["migrations"],
  remedyOfError: push,
  async look({ query, isLocal, gatewayUrl }) {
    const [row] = await query!(`
      select to_char(max(started_at) at time zone 'utc', 'YYYY-MM-DD HH24:MI') as last,
        coalesce(max(started_at) > now() - ${OVERDUE}, false) as is_recent
      from public.maintenance_runs`);
    if (row!.is_recent === true) return ok(`the last run began at ${row!.last} UTC`);
    const { hasCron } = await scheduling(query!);
    const job = hasCron ? (await jobsOf(query!)).get("llm-gateway-maintenance") : undefined;
    if (row!.last === null && job !== undefined && faultOf(job) === null) {
      return unchecked("is scheduled, and has not run yet: look again in five minutes");
    }
    if (isLocal) return ok(DOES_WITHOUT);
    return bad(
      row!.last === null ? "has never run" : `the last run began at ${row!.last} UTC`,
      job === undefined
        ? "Enable pg_net (dashboard, Database, Extensions), then, with a secret key of the project:\n" +
          `select schedule_maintenance('${gatewayUrl}', 'sb_secret_…');\n` +
          "Or keep running: deno task maintain --every 5m"
        : "The answers are in net._http_response. A new secret key or URL needs\n" +
          `select schedule_maintenance('${gatewayUrl}', 'sb_secret_…');`,
    );
  },
};
