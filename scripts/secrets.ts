/**
 * `deno task secrets`: new secrets for a deployment as NAME=value lines, fit for
 * `supabase secrets set --env-file`; printed, or in a new file.
 */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { runCommand } from "./command.ts";

const newSecrets = () =>
  `\
# Encrypts the DIDs' OpenRouter keys. Keep a copy: without it they cannot be opened. In a running
# deployment, replace it only as \`deno task rotate-keys --help\` says.
API_KEY_ENCRYPTION_KEY=${randomBytes(32).toString("base64")}

# OpenRouter's management key, which makes the DIDs' keys: put it here, and take the # away. Create one
# for this gateway alone under https://openrouter.ai/settings/management-keys
# OPENROUTER_PROVISIONING_KEY=sk-or-v1-…

# The id of a workspace of that account for this gateway's keys alone; optional, and best set first.
# OPENROUTER_WORKSPACE_ID=…`;

/**
 * Makes the file, for its owner alone to read. One that is there stays as it is: the key in it may be the
 * one that opens what a gateway has stored.
 */
async function writeNew(path: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, `${newSecrets()}\n`, { mode: 0o600, createNew: true });
    console.log(`wrote ${path}: put OpenRouter's management key into it, and keep a copy`);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    console.log(`${path} is there already, and stays as it is`);
  }
}

await runCommand(
  new Command("secrets")
    .description("Print new secrets for a deployment, fit for supabase secrets set --env-file.")
    .option(
      "--output <path>",
      "write them to this file, which you alone may read; one that is there stays as it is",
    )
    .addHelpText("after", "\nExample:\n  deno task secrets --output secrets.env")
    .action(async ({ output }: { output?: string }) => {
      if (output === undefined) return console.log(newSecrets());
      await writeNew(output);
    }),
);
