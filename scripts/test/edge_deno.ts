/** The Deno that Supabase's Edge Runtime is built on. */
import { runChild } from "../stack/child.ts";

export const EDGE_DENO: [string, ...string[]] = ["npx", "-y", "deno@2.1.4"];

/** It cannot read the lock file, and the project's node_modules belongs to the newer Deno. */
export const EDGE_DENO_OPTIONS = ["--no-lock", "--node-modules-dir=none"];

export const EDGE_DENO_ENV = {
  // Its default knows the certificates of Mozilla's list alone, which a company's proxy is not in.
  DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system",
  npm_config_loglevel: "error",
  npm_config_update_notifier: "false",
};

/** Where its program is: a signal to npx would end npx alone. */
export async function edgeDenoPath(): Promise<string> {
  const [npx, ...deno] = EDGE_DENO;
  const { code, stdout, output } = await runChild(
    npx,
    [...deno, "eval", "--no-config", "console.log(Deno.execPath())"],
    { env: EDGE_DENO_ENV },
  );
  if (code !== 0) throw new Error(`${EDGE_DENO.join(" ")} ended with code ${code}:\n${output}`);
  return stdout.trim();
}
