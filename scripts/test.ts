/**
 * `deno task test [suite…] [deno test's options…]`: every test, or those of the suites named:
 *
 * - `unit`        unit tests of the function, under the Deno that runs this
 * - `scripts`     of what develops and operates it
 * - `unit-2.1.4`  types and unit tests of the function under the Deno of Supabase's Edge Runtime
 * - `pgtap`       supabase/tests, on the migrated database
 * - `schema`      Supabase's advisors and the generated types
 * - `http`        supabase/functions/tests, against the stack
 * - `maintenance` those of them about finding costs, each file on a stack of its own
 * - `http-2.1.4`  those of them about bytes, headers and endings, with the gateway under that Deno
 * - `agents`      Claude Code, Codex and opencode, fetched from npm; runs only where it is named
 *
 * The last line is `N passed, N failed`, and `, N skipped` where there are any. Exits with 0 when
 * nothing failed, 1 when something did, 2 for arguments that it does not know, 130 when interrupted.
 */
import { Command } from "commander";
import { runCommand, UsageError } from "./command.ts";
import { once } from "./once.ts";
import { runToEnd } from "./run_to_end.ts";
import { makeTemplate } from "./stack/project_database.ts";
import { startTestStack } from "./stack/testing.ts";
import {
  agents,
  http,
  httpOnEdgeDeno,
  maintenance,
  scripts,
  unit,
  unitOnEdgeDeno,
} from "./test/deno_suites.ts";
import { describe, type Outcome, sum } from "./test/outcome.ts";
import { pgtap } from "./test/pgtap.ts";
import { schema } from "./test/schema.ts";
import { runSuite, type Suite } from "./test/suite.ts";

/** The longest first, so that at the end neither core waits long for the other. */
const SUITES: Record<string, Suite> = {
  http,
  scripts,
  maintenance,
  unit,
  "unit-2.1.4": unitOnEdgeDeno,
  "http-2.1.4": httpOnEdgeDeno,
  pgtap,
  schema,
  agents,
};

/** Suites that fetch programs of hundreds of megabytes. */
const ON_DEMAND = ["agents"];

/** How many suites run at the same time: one per core of a small machine. */
const LANES = 2;

/** @throws {UsageError} for what `deno test` would not take, before anything runs */
async function checkOptions(options: string[]): Promise<void> {
  if (options.length === 0) return;
  const nothing = await Deno.makeTempDir();
  try {
    const { success, stderr } = await runToEnd(Deno.execPath(), {
      args: ["test", "--no-run", "--permit-no-files", ...options, nothing],
      env: { NO_COLOR: "1" },
    });
    if (success) return;
    const [said = ""] = stderr.trim().split("\n");
    throw new UsageError(`deno test does not take these options: ${said.replace(/^error: /, "")}`);
  } finally {
    await Deno.remove(nothing);
  }
}

async function runAll(
  wanted: string[],
  denoTestArgs: string[],
  signal: AbortSignal,
): Promise<Outcome> {
  await using running = new AsyncDisposableStack();
  const template = once(async () => running.use(await makeTemplate(signal)).path);
  const stack = once(async () => {
    const stack = await startTestStack({ template: await template(), signal });
    running.defer(stack.stop);
    return stack;
  });
  const outcomes: Outcome[] = [];

  const queue = Object.entries(SUITES)
    .filter(([name]) => wanted.length === 0 ? !ON_DEMAND.includes(name) : wanted.includes(name));
  const context = { signal, template, stack, isAlone: queue.length === 1, denoTestArgs };

  async function runLane() {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      outcomes.push(await runSuite(...next, context, console.log));
    }
  }

  const lanes = Array.from({ length: LANES }, runLane);
  // All of them end before an interruption of one ends this process, and their children's with it.
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
  return sum(outcomes);
}

async function test(args: string[]): Promise<never> {
  const firstOption = args.findIndex((argument) => argument.startsWith("-"));
  const wanted = firstOption === -1 ? args : args.slice(0, firstOption);
  const options = firstOption === -1 ? [] : args.slice(firstOption);
  const unknown = wanted.find((name) => !Object.hasOwn(SUITES, name));
  if (unknown !== undefined) {
    throw new UsageError(
      `there is no suite "${unknown}"; the suites are: ${Object.keys(SUITES).join(", ")}`,
    );
  }
  await checkOptions(options);

  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => interruption.abort(new Error(`interrupted by ${name}`)));
  }
  try {
    const outcome = await runAll(wanted, options, interruption.signal);
    console.log(describe(outcome));
    Deno.exit(outcome.failed === 0 ? 0 : 1);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    Deno.exit(130);
  }
}

await runCommand(
  new Command("test")
    .description("Run every test, or those of the suites named.")
    .usage("[suite...] [options of deno test...]")
    .argument("[suite...]", `of ${Object.keys(SUITES).join(", ")}`)
    .allowUnknownOption()
    .action(test),
);
