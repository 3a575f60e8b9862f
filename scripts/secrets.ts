/**
 * `deno task secrets`: prints new secrets for a deployment as NAME=value lines, fit for
 * `supabase secrets set --env-file`.
 */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { runCommand } from "./command.ts";

await runCommand(
  new Command("secrets")
    .description("Print new secrets for a deployment, fit for supabase secrets set --env-file.")
    .addHelpText(
      "after",
      "\nExample:\n  (umask 077; deno task -q secrets > secrets.env)\n" +
        "  supabase secrets set --env-file secrets.env",
    )
    .action(() => {
      console.log(`\
# Encrypts the DIDs' OpenRouter keys. Keep a copy: without it they cannot be opened. In a running
# deployment, replace it only as \`deno task rotate-keys --help\` says.
API_KEY_ENCRYPTION_KEY=${randomBytes(32).toString("base64")}

# OpenRouter's management key, which makes the DIDs' keys: create one under
# https://openrouter.ai/settings/management-keys, for this gateway alone, and put it here.
# OPENROUTER_PROVISIONING_KEY=sk-or-v1-…

# The id of a workspace of that account for this gateway's keys alone; optional, and best set first.
# OPENROUTER_WORKSPACE_ID=…`);
    }),
);
