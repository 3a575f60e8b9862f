/** The suites that `deno test` runs. */
import { runChild } from "../stack/child.ts";
import { stackEnvironment } from "../stack/command.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { denoTest } from "./deno_runner.ts";
import { sum } from "./outcome.ts";
import type { Suite } from "./suite.ts";

const FUNCTION = "supabase/functions/openrouter-proxy";

/** The unit tests of the function and of the scripts, under the Deno that runs this. */
export const unit: Suite = (context) =>
  denoTest([Deno.execPath(), "test", "-A", FUNCTION, "scripts"], context);

/** The Deno that Supabase's Edge Runtime is built on. */
const EDGE_DENO: [string, ...string[]] = ["npx", "-y", "deno@2.1.4"];

/** The function's types and unit tests under the Deno that Supabase runs it with. */
export const unitOnEdgeDeno: Suite = async (context) => {
  const env = {
    // Its default knows the certificates of Mozilla's list alone, which a company's proxy is not in.
    DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system",
    npm_config_loglevel: "error",
    npm_config_update_notifier: "false",
  };
  // It cannot read the lock file, and the project's node_modules belongs to the newer Deno.
  const options = ["--no-lock", "--node-modules-dir=none"];
  const [npx, ...deno] = EDGE_DENO;
  const { code } = await runChild(npx, [...deno, "check", ...options, `${FUNCTION}/index.ts`], {
    cwd: PROJECT_ROOT,
    env,
    onOutput: context.write,
    signal: context.signal,
  });
  const typeCheck = { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  context.write(`types of ${FUNCTION} ... ${code === 0 ? "ok" : "FAILED"}\n`);
  return sum([
    typeCheck,
    await denoTest([...EDGE_DENO, "test", "-A", ...options, FUNCTION], context, env),
  ]);
};

/** The black-box tests over HTTP, which find the stack by the variables that `deno task stack` prints. */
export const http: Suite = async (context) =>
  await denoTest(
    [Deno.execPath(), "test", "-A", "supabase/functions/tests"],
    context,
    stackEnvironment(await context.stack()),
  );
