/** What a suite is given, and how it is run so that its failure is never mistaken for success. */
import { StackError } from "../stack/errors.ts";
import type { Stack } from "../stack/start_stack.ts";
import { describe, type Outcome } from "./outcome.ts";

export interface SuiteContext {
  /** Takes pieces of output as they come, not necessarily whole lines. */
  write(text: string): void;
  /** Aborted when the whole run is interrupted, or the suite takes too long. */
  signal: AbortSignal;
  /** The data folder that stacks of the suites' own begin as a copy of, made for the first that asks. */
  template(): Promise<string>;
  /** The stack that suites share, started for the first that asks. */
  stack(): Promise<Stack>;
  /** Whether no other suite runs beside it: then all cores are its own. */
  isAlone: boolean;
  /** What the person added to the command line, for `deno test`. */
  denoTestArgs: string[];
}

export type Suite = (context: SuiteContext) => Promise<Outcome>;

/** Far more than any suite needs: a test that hangs must not keep the others' results from us. */
const LIMIT_MINUTES = 20;

/**
 * Runs a suite; each line of its output is printed with the suite's name before it. A suite that
 * throws, that does not end in time, or that ran no test counts as one failure.
 *
 * @throws the signal's reason when the run is interrupted
 */
export async function runSuite(
  name: string,
  suite: Suite,
  context: Omit<SuiteContext, "write">,
  print: (line: string) => void,
): Promise<Outcome> {
  let unfinished = "";
  const write = (text: string) => {
    const lines = (unfinished + text).split(/\r?\n/);
    unfinished = lines.pop()!;
    for (const line of lines) print(`[${name}] ${line}`);
  };
  let outcome: Outcome;
  const limit = AbortSignal.timeout(LIMIT_MINUTES * 60_000);
  try {
    const signal = AbortSignal.any([context.signal, limit]);
    outcome = await suite({ ...context, signal, write });
  } catch (error) {
    context.signal.throwIfAborted();
    const why = error instanceof StackError
      ? error.message
      : limit.aborted
      ? `stopped: it did not end within ${LIMIT_MINUTES} minutes. What was left has not run`
      : Deno.inspect(error);
    write(`\n${why}\n`);
    outcome = { passed: 0, failed: 1, skipped: 0 };
  }
  if (outcome.passed + outcome.failed === 0) {
    write("\nno test ran, which counts as a failure\n");
    outcome = { ...outcome, failed: 1 };
  }
  if (unfinished !== "") write("\n");
  write(`${describe(outcome)}\n`);
  return outcome;
}
