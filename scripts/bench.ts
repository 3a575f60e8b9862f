/**
 * `deno task bench [name] [options]`: measures on this machine; without a name the gateway beside others.
 * Figures of one run compare with each other; those of two runs do not.
 */
import { Command, InvalidArgumentError } from "commander";
import { runCommand } from "./command.ts";

type BenchOption = [flags: string, what: string];

/** Each bench, in the order of their names, and what it takes (bench/<name>.ts). */
const BENCHES: Record<string, { what: string; options?: BenchOption[] }> = {
  auth: { what: "what authentication costs, by kind of signer" },
  gateways: {
    what: "the gateway beside others, what it can bear, and how it grows",
    options: [
      ["--quick", "what matters most, in two minutes"],
      ["--parts <names>", "of load, sustained, worker, cold-start, growth, with commas"],
      ["--rounds <n>", "how many rounds"],
      ["--seconds <s>", "how long each load lasts"],
      ["--rows <n>", "the most rows that it grows to"],
      ["--json <file>", "write the figures there as well"],
      ["--write", "write the document of the figures anew"],
    ],
  },
  limits: {
    what: "what limits cost in Postgres",
    options: [["--dids <n>", "how many DIDs (default: 100000)"], [
      "--rows <n>",
      "how many requests (default: 1000000)",
    ]],
  },
  stranger: {
    what: "what one can cost who makes new DIDs without end",
    options: [["--seconds <n>", "for how long (default: 60)"], [
      "--clients <n>",
      "how many at once (default: 24)",
    ]],
  },
  usage: {
    what: "what statistics cost beside a log of many rows",
    options: [["--rows <n>", "how many requests (default: 10000000)"]],
  },
};

async function run(name: string, args: string[]): Promise<void> {
  const script = new URL(`bench/${name}.ts`, import.meta.url).href;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...args],
  }).spawn().status;
  if (!success) throw new Error(`the bench ${name} failed`);
}

/** As the benches take it. */
function count(text: string): string {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return text;
  throw new InvalidArgumentError("Give a whole number from 1.");
}

function argumentsOf(given: Record<string, unknown>): string[] {
  return Object.entries(given).map(([option, value]) =>
    value === true ? `--${option}` : `--${option}=${value}`
  );
}

/** What is measured without a name. */
const DEFAULT = "gateways";

const program = new Command("bench").description("Measure on this machine.");
for (const [name, { what, options = [] }] of Object.entries(BENCHES)) {
  const bench = program.command(name, { isDefault: name === DEFAULT })
    .description(what)
    .action((given: Record<string, unknown>) => run(name, argumentsOf(given)));
  for (const [flags, what] of options) {
    if (flags.endsWith("<n>")) bench.option(flags, what, count);
    else bench.option(flags, what);
  }
}
const [first = ""] = Deno.args;
if (first !== "" && !first.startsWith("-") && !Object.hasOwn(BENCHES, first)) {
  // Commander would take it for an argument of the one that needs no name.
  console.error(
    `error: there is no bench "${first}"; there are: ${Object.keys(BENCHES).join(", ")}`,
  );
  Deno.exit(2);
}
await runCommand(program);
