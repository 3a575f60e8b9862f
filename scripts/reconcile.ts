/**
 * `deno task reconcile`: compares Postgres with OpenRouter, and puts right what differs.
 *
 * Exit codes: 0 when all was compared and, with --apply, put right; 1 when something failed, 2 when
 * it is called wrongly. Standard output holds the differences, standard error the progress.
 */
import { Command, InvalidArgumentError } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import { createManagement } from "../supabase/functions/openrouter-proxy/openrouter/management.ts";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { GATEWAY_VARIABLES, gatewayTarget } from "./operator/gateway_routes.ts";
import { reconcileKeys } from "./operator/key_reconciliation.ts";
import {
  failuresOf,
  reportLines,
  requestMaintenance,
  unfinishedIn,
} from "./operator/maintenance_client.ts";
import { patientFetch } from "./operator/patient_fetch.ts";

const KEY_VARIABLES = [
  "DATABASE_URL",
  "OPENROUTER_API_URL",
  "OPENROUTER_PROVISIONING_KEY",
  "OPENROUTER_WORKSPACE_ID",
  "OPENROUTER_USD_PER_CREDIT",
] as const;

const KEYS_HELP = `
What is shown:
  orphan       a key of the gateway that no DID has: --apply deletes it
  in progress  a key that may be about to be saved: never touched
  missing      a DID's key is deleted, disabled or expired at OpenRouter: its next
               request gets another
  limit        a key's limit is not the DID's credit_limit, or else its tightest
               budget: --apply sets it

Keys are the gateway's by their name, llm-gateway:<DID>#…, and by their
workspace; no other key is touched. Two gateways must not share a workspace:
each one's keys are orphans to the other. Keys that a gateway made before it
was given OPENROUTER_WORKSPACE_ID are shown as missing, and go on working.

Where more keys are orphans than belong to DIDs, --apply changes nothing: the
database may be another gateway's, or an empty one, and deleting would take
their keys from all of that gateway's DIDs. Look whether DATABASE_URL and
OPENROUTER_WORKSPACE_ID belong together; if so, say how many: --max-orphans.`;

interface KeyOptions {
  apply?: boolean;
  maxOrphans?: number;
}

function countOf(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number.");
}

const COSTS_HELP = `
What is done: one maintenance of the deployed function after the other, as
\`deno task maintain\` asks for, until none finds anything more:
  unpriced rows  priced, where OpenRouter knows their generation
  comparison     of each DID's booked costs with what its keys have spent
  lost calls     found in OpenRouter's analytics, where it has charged more
  drift          a difference that has stood for an hour: for you to look into`;

function patientlyFetching() {
  return patientFetch({
    fetch,
    now: Date.now,
    sleep: (ms) => sleep(ms),
    onWait: console.error,
  });
}

function report(failures: string[]) {
  for (const failure of failures) console.error(`error: ${failure}`);
  if (failures.length > 0) Deno.exitCode = 1;
}

const costs = new Command("costs")
  .description("find the costs that the gateway could not learn, and book them")
  .addHelpText("after", `${environmentHelp(GATEWAY_VARIABLES)}\n${COSTS_HELP}`)
  .action(async () => {
    const target = gatewayTarget();
    while (true) {
      const run = await requestMaintenance(target);
      for (const line of reportLines(run)) console.log(line);
      report(failuresOf(run));
      const jobs = Object.values(run.jobs);
      const isUnfinished = jobs.some(({ stopped }) =>
        stopped === "out_of_time" || stopped === "enough_for_one_run"
      );
      const goesOn = isUnfinished && jobs.some(({ done = 0 }) => done > 0);
      if (!goesOn) return report(unfinishedIn(run));
    }
  });

const keys = new Command("keys")
  .description("compare the DIDs' keys with those at OpenRouter")
  .option("--apply", "delete orphans and set limits, instead of only showing them")
  .option(
    "--max-orphans <count>",
    "change nothing where there are more orphans (default: as many as the DIDs' own keys)",
    countOf,
  )
  .addHelpText("after", `${environmentHelp(KEY_VARIABLES)}\n${KEYS_HELP}`)
  .action(async ({ apply = false, maxOrphans }: KeyOptions) => {
    const env = readEnvironment(KEY_VARIABLES);
    const management = createManagement(
      env.OPENROUTER_API_URL,
      env.OPENROUTER_PROVISIONING_KEY,
      patientlyFetching(),
      env.OPENROUTER_WORKSPACE_ID,
      env.OPENROUTER_USD_PER_CREDIT,
    );
    report(
      await withDatabase(
        env.DATABASE_URL,
        (sql) =>
          reconcileKeys(sql, management, {
            apply,
            maxOrphans: maxOrphans ?? null,
            print: console.log,
          }),
      ),
    );
  });

await runCommand(
  new Command("reconcile")
    .description("Compare Postgres with OpenRouter, and put right what differs.")
    .addCommand(keys)
    .addCommand(costs),
);
