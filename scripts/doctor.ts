/**
 * `deno task doctor`: looks at a gateway, local or hosted, from its variables to the price of a call.
 *
 * Exit codes: 0 when nothing is red, 1 when something is, 2 when it is called wrongly.
 */
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { CHECKS } from "./doctor/checks.ts";
import { consult, DEFAULTS, type DoctorOptions } from "./doctor/consult.ts";
import { SUPABASE } from "./stack/supabase_cli.ts";

const VARIABLES = `
Environment, or the file; what is not there is not looked at:
  GATEWAY_URL, GATEWAY_AUDIENCE      the gateway, where it is not this machine's or the project's
  DATABASE_URL                       Postgres; with --remote the Supabase CLI asks it, without a password
  OPENROUTER_PROVISIONING_KEY, API_KEY_ENCRYPTION_KEY, OPENROUTER_*   as the gateway has them`;

const WIDTH = Math.max(...CHECKS.map(({ name }) => name.length));

const LOOKS_AT = `
What it looks at:
${CHECKS.map(({ name, looksAt }) => `  ${name.padEnd(WIDTH)}  ${looksAt}`).join("\n")}

It makes one key at OpenRouter and deletes it, and one call, of about $0.00004, as a DID of its own.`;

await runCommand(
  new Command("doctor")
    .description(
      "Look at a gateway, local or hosted: a line for each finding, red ones with a remedy.",
    )
    .option("--remote <ref>", `a hosted project; log in first: ${SUPABASE} login`)
    .option("--env-file <path>", "the file that `supabase secrets set` was given")
    .option("--region <region>", "let its calls run there, as clients' calls do that are pinned")
    .option("--model <id>", "of the call that costs", DEFAULTS.model)
    .option("--identity <path>", "its DID; made where it is missing", DEFAULTS.identity)
    .option("--read-only", "make no key, no identity and no call that costs")
    .option("--json", "one JSON document on stdout")
    .addHelpText("after", `${VARIABLES}\n${LOOKS_AT}`)
    .action(async (options: DoctorOptions) => {
      const results = await consult(options);
      if (results.some(({ state }) => state === "bad")) Deno.exitCode = 1;
    }),
);
