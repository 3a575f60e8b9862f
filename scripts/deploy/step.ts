/** One command of a deployment: shown, asked for, run. */

export interface Step {
  /** As it is typed by hand, without secrets. */
  command: string;
  why: string;
  /**
   * Looks at what it would change, and changes nothing.
   *
   * @returns lines for a person; null: there is nothing to do
   */
  preview(): Promise<string[] | null>;
  /** @throws {Error} in words */
  run(): Promise<void>;
}

export type Outcome = "done" | "declined";

export interface StepDeps {
  print: (line: string) => void;
  /** Asks the person. */
  confirm: (question: string) => boolean;
  /** Whether nothing is changed at all. */
  dryRun: boolean;
}

/** Takes the steps in their order, until one is declined: none is left out in the middle. */
export async function takeSteps(
  steps: readonly Step[],
  { print, confirm, dryRun }: StepDeps,
): Promise<Outcome> {
  for (const [index, { command, why, preview, run }] of steps.entries()) {
    print(`\n${index + 1}/${steps.length}  ${why}`);
    print(`     $ ${command}`);
    const changes = await preview();
    if (changes === null) {
      print("     nothing to do");
      continue;
    }
    for (const line of changes) print(`     ${line}`);
    if (dryRun) continue;
    if (!confirm("     Do it?")) {
      print("stopped here: nothing of this step or after it was done");
      return "declined";
    }
    await run();
    print("     done");
  }
  return "done";
}
