/** What a Ctrl-C does while a command of the CLI's runs. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs something that ends when this process is asked to, so that no child outlives it, and no secret
 * stays in a temporary file. Outside of it, as at a question, a Ctrl-C ends the process as ever.
 *
 * @throws {Error} in words, when it was interrupted
 */
export async function interruptible<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () =>
    interruption.abort(
      new Error(
        "interrupted: the last step may be half done. Run it again: it takes up what is left",
      ),
    );
  for (const name of SIGNALS) Deno.addSignalListener(name, interrupt);
  try {
    return await run(interruption.signal);
  } finally {
    for (const name of SIGNALS) Deno.removeSignalListener(name, interrupt);
  }
}
