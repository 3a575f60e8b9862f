/**
 * `deno task rotate-keys`: re-encrypts the stored OpenRouter keys with API_KEY_ENCRYPTION_KEY.
 *
 * Exit codes: 0 when every key is sealed with it, 1 when one is not or something failed, 2 when it is
 * called wrongly. Standard output holds the result, standard error the progress.
 */
import { Command } from "commander";
import { createKeyVault } from "../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { countStale, rotateKeys } from "./operator/rotation.ts";

const VARIABLES = [
  "DATABASE_URL",
  "API_KEY_ENCRYPTION_KEY",
  "API_KEY_ENCRYPTION_KEY_PREVIOUS",
] as const;

const STEPS = `
To replace the encryption key without a failed request:
  1. Make a key: deno task secrets
  2. Set it as API_KEY_ENCRYPTION_KEY of the gateway, and the old one as
     API_KEY_ENCRYPTION_KEY_PREVIOUS; deploy.
  3. With the same two variables: deno task rotate-keys
  4. When rotate-keys --check says that none is left, unset
     API_KEY_ENCRYPTION_KEY_PREVIOUS; deploy.
It may run while requests do, and may be interrupted and run again.`;

await runCommand(
  new Command("rotate-keys")
    .description("Re-encrypt the stored OpenRouter keys with API_KEY_ENCRYPTION_KEY.")
    .option("--check", "count the keys that are left, change nothing")
    .addHelpText("after", `${environmentHelp([...VARIABLES])}\n${STEPS}`)
    .action(async ({ check = false }: { check?: boolean }) => {
      const env = readEnvironment([...VARIABLES]);
      const vault = createKeyVault(
        env.API_KEY_ENCRYPTION_KEY,
        env.API_KEY_ENCRYPTION_KEY_PREVIOUS,
      );
      await withDatabase(env.DATABASE_URL, async (sql) => {
        if (!check) {
          const { rotated, unreadable } = await rotateKeys(sql, vault, (progress) => {
            const { checked, rotated, unreadable } = progress;
            console.error(
              `${checked} keys checked: ${rotated} re-encrypted, ${unreadable} unreadable`,
            );
          });
          for (const { did, keyId, reason } of unreadable) {
            console.log(`unreadable: ${did}, key id ${keyId ?? "missing"}: ${reason}`);
          }
          console.log(`${rotated} keys re-encrypted, ${unreadable.length} unreadable`);
        }
        const { total, stale } = await countStale(sql, vault);
        console.log(`${stale} of ${total} keys are not sealed with API_KEY_ENCRYPTION_KEY`);
        if (stale > 0) Deno.exitCode = 1;
      });
    }),
);
