/** Runs `deno test` and counts what it says. */
import { stripVTControlCharacters } from "node:util";
import { runChild } from "../stack/child.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import type { Outcome } from "./outcome.ts";
import type { SuiteContext } from "./suite.ts";

/**
 * Runs a command that ends in a `deno test`.
 *
 * @param command the program and its arguments, `test` included
 * @param env added to this process's environment
 */
export async function denoTest(
  [program, ...args]: [string, ...string[]],
  { write, signal, denoTestArgs }: SuiteContext,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const { code, output } = await runChild(program, [...args, ...denoTestArgs], {
    cwd: PROJECT_ROOT,
    env,
    onOutput: write,
    signal,
  });
  return outcomeOf(code, output);
}

// The reporter's last words. Its JUnit file would be easier to read, but lacks the modules that
// could not be loaded.
const SUMMARY = new RegExp(
  String.raw`^(?:ok|FAILED) \| (?<passed>\d+) passed(?: \([^)]*\))?` +
    String.raw` \| (?<failed>\d+) failed(?: \([^)]*\))?` +
    String.raw`(?: \| (?<ignored>\d+) ignored(?: \([^)]*\))?)?(?: \| \d+ filtered out)? \(`,
  "gm",
);

/** Reads the summary of a `deno test` that exited with `code`; without one, it crashed. */
export function outcomeOf(code: number, output: string): Outcome {
  const summary = [...stripVTControlCharacters(output).matchAll(SUMMARY)].at(-1)?.groups;
  const outcome = {
    passed: Number(summary?.passed ?? 0),
    failed: Number(summary?.failed ?? 0),
    skipped: Number(summary?.ignored ?? 0),
  };
  return code !== 0 && outcome.failed === 0 ? { ...outcome, failed: 1 } : outcome;
}
