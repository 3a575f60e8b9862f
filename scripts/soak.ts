/**
 * `deno task soak`: mixed traffic through everything, all of it on this machine, while things fail; and
 * at its end the proof that nothing was lost.
 *
 * Standard output holds the proof alone, standard error the progress. Exit codes: 0 when every line is
 * green, 1 when one is red or the soak failed, 2 when it is called wrongly, 130 when interrupted.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { runCommand } from "./command.ts";
import { soak, type SoakOptions, type SoakReport } from "./soak/run.ts";
import { expectWritable } from "./writable.ts";

const HELP = `
PostgreSQL, the Data API, OpenRouter's simulator and the gateway are started, used
by clients of every kind, and stopped, killed and broken meanwhile. Then what an
operator's scheduled jobs do is done, and the books are compared with OpenRouter's.
After the first quarter the gateway's process is left alone, for its memory to be
measured in the last half.`;

function number(least: number, most: number, isWhole: boolean) {
  return (text: string) => {
    const value = Number(text);
    if (/^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) && value >= least && value <= most) {
      if (!isWhole || Number.isInteger(value)) return value;
    }
    throw new InvalidArgumentError(
      `Give a ${isWhole ? "whole " : ""}number from ${least} to ${most}.`,
    );
  };
}

function print({ lines, evidence, seed, minutes }: SoakReport): void {
  for (const { name, isGreen, found } of lines) {
    console.log(`${isGreen ? "green" : "RED  "}  ${name}: ${found}`);
  }
  const red = lines.filter(({ isGreen }) => !isGreen).length;
  console.log(
    `${evidence.calls.length} calls and ${evidence.outages.length} outages in ${minutes} minutes, seed ${seed}: ` +
      (red === 0 ? "all green" : `${red} red`),
  );
}

function printJson({ evidence, ...report }: SoakReport): void {
  const { calls, outages, closing, memory } = evidence;
  console.log(
    JSON.stringify({ ...report, calls: calls.length, outages, closing, memory }, null, 2),
  );
}

const interruption = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(name, () => interruption.abort(new Error(`interrupted by ${name}`)));
}

type Options = Pick<SoakOptions, "minutes" | "seed" | "clients"> & {
  outageEvery: number;
  edge?: boolean;
  json?: boolean;
  evidence?: string;
};

await runCommand(
  new Command("soak")
    .description("Use everything on this machine while it fails, and prove that nothing is lost.")
    .addOption(
      new Option("--minutes <n>", "how long").argParser(number(0.1, 10_000, false)).default(10),
    )
    .addOption(
      new Option("--seed <n>", "chance: what is called, and what fails when")
        .argParser(number(1, 1_000_000, true)).default(1),
    )
    .addOption(
      new Option("--clients <n>", "how many call at the same time")
        .argParser(number(1, 200, true)).default(8),
    )
    .addOption(
      new Option("--outage-every <seconds>", "how often something fails; 0: nothing does")
        .argParser(number(0, 100_000, false)).default(15),
    )
    .option("--edge", "the gateway under the Deno of Supabase's Edge Runtime, with its heap")
    .option("--json", "print the proof as JSON")
    .option(
      "--evidence <file>",
      "write every call, row and generation there, to look into a red line",
    )
    .addHelpText("after", HELP)
    .action(async ({ edge = false, json = false, evidence, outageEvery, ...options }: Options) => {
      const { signal } = interruption;
      await expectWritable(evidence);
      const report = await soak({
        ...options,
        outageEverySeconds: outageEvery,
        edge,
        onProgress: console.error,
        signal,
      });
      if (json) printJson(report);
      else print(report);
      Deno.exitCode = report.isGreen ? 0 : 1;
      // At the end: a file that cannot be written must not cost the proof.
      if (evidence !== undefined) {
        await Deno.writeTextFile(evidence, JSON.stringify(report.evidence, null, 1));
      }
    }),
);
if (interruption.signal.aborted) Deno.exitCode = 130;
Deno.exit();
