/** The real Supabase CLI, run through npx. */
import { type ChildOptions, type ChildResult, runChild } from "./child.ts";
import { StackError } from "./errors.ts";
import { makeTemporaryFolder } from "./temporary_folder.ts";

/**
 * Not an entry of deno.json: Deno resolves the optional packages of every platform there and stops
 * where one of them is missing; npx fetches this platform's alone.
 */
export const SUPABASE_CLI_VERSION = "3.1.0";

/** As people call it. */
export const SUPABASE = `npx -y supabase@${SUPABASE_CLI_VERSION}`;

const ENV = {
  SUPABASE_TELEMETRY_DISABLED: "1",
  DO_NOT_TRACK: "1",
  // An exact version is what it was: with it in the cache nothing is asked, and no network needed.
  npm_config_prefer_offline: "true",
  npm_config_loglevel: "error",
  npm_config_update_notifier: "false",
};

let installed: string | undefined;

/**
 * The CLI's program and first arguments. npx says once where it has installed it: through npx each run
 * would take more than twice as long.
 */
async function program({ signal }: ChildOptions): Promise<[string, ...string[]]> {
  const name = `supabase@${SUPABASE_CLI_VERSION}`;
  if (installed === undefined && Deno.build.os !== "windows") {
    const where = ["-y", "-p", name, "-c", "command -v supabase"];
    const { code, stdout } = await runChild("npx", where, { signal, env: ENV });
    if (code === 0) installed = stdout.trim();
  }
  return installed ? [installed] : ["npx", "-y", name];
}

/**
 * Runs `supabase <args>` and waits for its end.
 *
 * @throws {StackError} when npx cannot be found, or nothing be made among temporary files
 */
export async function supabaseCli(
  args: string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  // It unpacks a library of its own into the temporary folder at each run, and leaves it there.
  const temporary = await makeTemporaryFolder("supabase-cli-");
  try {
    const [command, ...first] = await program(options);
    return await runChild(command, [...first, ...args], {
      ...options,
      env: { ...ENV, TMPDIR: temporary, ...options.env },
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new StackError("npx is not on the PATH; it comes with Node.js 20 or newer");
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}
