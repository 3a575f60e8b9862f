/**
 * `deno task reconcile`: compares Postgres with OpenRouter, and puts right what differs.
 *
 * Exit codes: 0 when all was compared and, with --apply, put right; 1 when something failed, 2 when
 * it is called wrongly. Standard output holds the differences, standard error the progress.
 */
import { Command } from "commander";
import { createManagement } from "../supabase/functions/openrouter-proxy/openrouter/management.ts";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { reconcileKeys } from "./operator/key_reconciliation.ts";
import { patientFetch } from "./operator/patient_fetch.ts";

const VARIABLES = ["DATABASE_URL", "OPENROUTER_API_URL", "OPENROUTER_PROVISIONING_KEY"] as const;

const KEYS_HELP = `
What is shown:
  orphan       a key of the gateway that no DID has: --apply deletes it
  in progress  a key that may be about to be saved: never touched
  missing      a DID's key is gone at OpenRouter: its next request gets another
  limit        a key's limit is not the DID's credit_limit: --apply sets it

Keys are the gateway's by their name, llm-gateway:<DID>#…; no other key is
touched. Two gateways must not share an OpenRouter account: each one's keys
are orphans to the other.`;

const keys = new Command("keys")
  .description("compare the DIDs' keys with those at OpenRouter")
  .option("--apply", "delete orphans and set limits, instead of only showing them")
  .addHelpText("after", `${environmentHelp([...VARIABLES])}\n${KEYS_HELP}`)
  .action(async ({ apply = false }: { apply?: boolean }) => {
    const env = readEnvironment([...VARIABLES]);
    const fetchPatiently = patientFetch({
      fetch,
      now: Date.now,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      onWait: console.error,
    });
    const management = createManagement(
      env.OPENROUTER_API_URL,
      env.OPENROUTER_PROVISIONING_KEY,
      fetchPatiently,
    );
    const failures = await withDatabase(
      env.DATABASE_URL,
      (sql) => reconcileKeys(sql, management, { apply, print: console.log }),
    );
    for (const failure of failures) console.error(`error: ${failure}`);
    if (failures.length > 0) Deno.exitCode = 1;
  });

await runCommand(
  new Command("reconcile")
    .description("Compare Postgres with OpenRouter, and put right what differs.")
    .addCommand(keys),
);
