/** How every command for people begins and ends. */
import { type Command, CommanderError } from "commander";
import process from "node:process";

/** A command that cannot run as it was called: a bad environment. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Runs a command with this process's arguments. Exit codes: 0, or what the command set; 1 when it
 * fails, 2 when it is called wrongly, each with one line on stderr.
 */
export async function runCommand(program: Command): Promise<void> {
  process.stdout.on("error", unlessLeft);
  program.helpCommand(false);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showSuggestionAfterError(false);
  }
  try {
    await program.parseAsync(process.argv.slice(2), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its own line by the time it throws.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      console.error(`error: ${oneLine(error)}`);
      process.exitCode = error instanceof UsageError ? 2 : 1;
    }
  }
}

/** Whoever reads what is printed may stop before the end, as `head` does: that is no failure. */
function unlessLeft(error: Error & { code?: string }): void {
  if (error.code !== "EPIPE") throw error;
}

/**
 * What a person is told of an error. A refused connection has a code and no message; fetch says in its
 * error's cause why it failed; what goes wrong while things are released hides the reason that they were.
 */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("suppressed" in error) {
    const { suppressed, error: later } = error as unknown as Record<string, unknown>;
    return `${oneLine(suppressed)}; then: ${oneLine(later)}`;
  }
  if (error.message === "fetch failed" && error.cause instanceof Error) return oneLine(error.cause);
  const { code } = error as { code?: string };
  return (error.message || code || error.name).replaceAll(/\s*\n\s*/g, " ");
}
