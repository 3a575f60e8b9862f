/** How every long-running command of this project starts, fails and ends. */
import { ConfigError } from "../../supabase/functions/openrouter-proxy/config/config.ts";
import { onLauncherGone } from "../launcher.ts";
import { StackError } from "./errors.ts";

export interface Running {
  /** Releases everything; called once. */
  stop(): Promise<void>;
  /** Resolves with the reason if the program cannot go on. */
  failed?: Promise<Error>;
}

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Starts a program, keeps it running until SIGINT, SIGTERM or SIGHUP, stops it, and exits: 0 after
 * a signal, at whatever moment it came; 1 after a failure, with its message on stderr.
 *
 * @param start must give up and release what it holds when the signal aborts
 */
export async function runUntilSignalled(
  start: (signal: AbortSignal) => Promise<Running>,
): Promise<never> {
  const interruption = new AbortController();
  // Further signals change nothing: `deno task` passes on the Ctrl-C that a terminal sends anyway,
  // so that a second one says nothing about impatience. Every way of stopping is bounded in time.
  for (const name of STOP_SIGNALS) {
    Deno.addSignalListener(name, () => interruption.abort(new Interruption(name)));
  }
  onLauncherGone(() => interruption.abort(new Interruption("npx ended")));
  try {
    const running = await start(interruption.signal);
    try {
      const failure = await Promise.race([aborted(interruption.signal), running.failed ?? never]);
      if (failure) throw failure;
    } finally {
      await running.stop();
    }
  } catch (error) {
    if (!(error instanceof Interruption)) {
      report(error);
      Deno.exit(1);
    }
  }
  Deno.exit(0);
}

class Interruption extends Error {
  override readonly name = "Interruption";
}

const never = new Promise<never>(() => {});

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function report(error: unknown): void {
  const expected = error instanceof StackError || error instanceof ConfigError;
  console.error(expected ? error.message : error);
}
