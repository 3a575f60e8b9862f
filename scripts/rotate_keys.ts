/**
 * `deno task rotate-keys`: re-encrypts the stored OpenRouter keys with API_KEY_ENCRYPTION_KEY.
 *
 * It writes nothing before it has looked at everything that must hold (operator/rotation_check.ts).
 *
 * Exit codes: 0 when every key is sealed with it, 1 when one is not or something failed, 2 when it is
 * called wrongly. Standard output holds the result, standard error the progress.
 */
import { Command } from "commander";
import { createKeyVault } from "../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { runCommand } from "./command.ts";
import { type Sql, withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { askForKeyIds } from "./operator/gateway_keys.ts";
import { GATEWAY_VARIABLES, gatewayTarget } from "./operator/gateway_routes.ts";
import { type Inventory, rotateKeys, takeInventory } from "./operator/rotation.ts";
import { whatIsMissing } from "./operator/rotation_check.ts";

const KEYS = ["DATABASE_URL", "API_KEY_ENCRYPTION_KEY", "API_KEY_ENCRYPTION_KEY_PREVIOUS"] as const;

const STEPS = `
To replace the encryption key without a failed request:
  1. Make a key: deno task secrets
  2. Set it as API_KEY_ENCRYPTION_KEY of the gateway, and the old one as
     API_KEY_ENCRYPTION_KEY_PREVIOUS; deploy. Workers of before go on for up to
     400 s: wait for them.
  3. With the same two variables: deno task rotate-keys
  4. When rotate-keys --check says that none is left, unset
     API_KEY_ENCRYPTION_KEY_PREVIOUS; deploy.
It may run while requests do, and may be interrupted and run again. It asks the
gateway for the ids of its keys, and writes nothing while that lacks the new one
or the old one opens none of what is left: it says so.`;

interface Options {
  check?: boolean;
  gateway: boolean;
}

type Environment = ReturnType<typeof readEnvironment<typeof KEYS[number]>>;

/** Null where it is not to be asked; a count alone does not need it. */
function gatewayOf({ check = false, gateway }: Options) {
  if (!gateway || (check && !GATEWAY_VARIABLES.every((name) => Deno.env.get(name)))) return null;
  return gatewayTarget();
}

function tellUnreadable({ unreadable }: Inventory): void {
  for (const { did, keyId, reason } of unreadable) {
    console.log(`unreadable: ${did}, key id ${keyId ?? "missing"}: ${reason}`);
  }
}

function tellCount({ total, current, madeUp }: Inventory): void {
  if (madeUp > 0) console.log(`${madeUp} accounts are made up and have no key`);
  console.log(`${total - current} of ${total} keys are not sealed with API_KEY_ENCRYPTION_KEY`);
  if (current < total) Deno.exitCode = 1;
}

async function rotate(sql: Sql, env: Environment, options: Options): Promise<void> {
  const vault = createKeyVault(env.API_KEY_ENCRYPTION_KEY, env.API_KEY_ENCRYPTION_KEY_PREVIOUS);
  const target = gatewayOf(options);
  const before = await takeInventory(sql, vault);
  const missing = whatIsMissing({
    here: await vault.keyIds(),
    gateway: target && await askForKeyIds(target),
    inventory: before,
  });
  tellUnreadable(before);
  if (options.check || missing.length > 0) tellCount(before);
  if (missing.length > 0) throw new Error(`nothing was written: ${missing.join("; ")}`);
  if (options.check) return;

  const { rotated, unreadable } = await rotateKeys(sql, vault, (progress) => {
    const { checked, rotated, unreadable } = progress;
    console.error(`${checked} keys checked: ${rotated} re-encrypted, ${unreadable} unreadable`);
  });
  console.log(`${rotated} keys re-encrypted, ${unreadable.length} unreadable`);
  tellCount(await takeInventory(sql, vault));
}

await runCommand(
  new Command("rotate-keys")
    .description("Re-encrypt the stored OpenRouter keys with API_KEY_ENCRYPTION_KEY.")
    .option("--check", "count the keys that are left, change nothing")
    .option("--no-gateway", "do not ask the gateway for its keys: where none runs")
    .addHelpText("after", `${environmentHelp([...KEYS, ...GATEWAY_VARIABLES])}\n${STEPS}`)
    .action(async (options: Options) => {
      const names = options.check || !options.gateway ? [...KEYS] : [...KEYS, ...GATEWAY_VARIABLES];
      const env = readEnvironment(names);
      await withDatabase(env.DATABASE_URL, (sql) => rotate(sql, env, options));
    }),
);
