/** What the tests of the operator's commands share. */
import { fileURLToPath } from "node:url";
import { type Ran, runToEnd } from "../run_to_end.ts";

/** What the commands read: tests decide on it, not the environment that they run in. */
const NAMES = [
  "DATABASE_URL",
  "API_KEY_ENCRYPTION_KEY",
  "API_KEY_ENCRYPTION_KEY_PREVIOUS",
  "OPENROUTER_API_URL",
  "OPENROUTER_PROVISIONING_KEY",
  "OPENROUTER_WORKSPACE_ID",
  "GATEWAY_URL",
  "SUPABASE_SECRET_KEYS",
];

/** Runs `scripts/<script>` to its end, with this environment alone. */
export async function runOperatorCommand(
  script: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Omit<Ran, "success">> {
  const inherited = Object.entries(Deno.env.toObject()).filter(([name]) => !NAMES.includes(name));
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const { code, stdout, stderr } = await runToEnd(Deno.execPath(), {
    args: ["run", "-q", "-A", path, ...args],
    clearEnv: true,
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", ...env },
    stdin: "null",
  });
  return { code, stdout, stderr };
}
