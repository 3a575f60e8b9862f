/** Child processes that never outlive an interrupted command. */

export interface ChildOptions {
  /** Aborting it ends the child and everything that the child started. */
  signal?: AbortSignal | undefined;
  /** Receives each piece of stdout and stderr as it comes. */
  onOutput?: ((text: string) => void) | undefined;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  cwd?: string;
}

export interface ChildResult {
  /** The exit code, 128 + n after signal n. */
  code: number;
  stdout: string;
  /** stdout and stderr in the order of arrival. */
  output: string;
}

const KILL_AFTER_MS = 2000;

/**
 * Runs a program to its end. It gets a process group of its own: a terminal's Ctrl-C reaches this
 * process alone, which decides what happens to the child, and aborting ends grandchildren too.
 *
 * @throws the signal's reason when it was aborted; Deno.errors.NotFound when there is no such program
 */
export async function runChild(
  command: string,
  args: string[],
  { signal, onOutput, env = {}, cwd }: ChildOptions = {},
): Promise<ChildResult> {
  signal?.throwIfAborted();
  const child = new Deno.Command(command, {
    args,
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();

  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    signalProcess(-child.pid, "SIGTERM");
    killTimer = setTimeout(() => signalProcess(-child.pid, "SIGKILL"), KILL_AFTER_MS);
  };
  signal?.addEventListener("abort", end, { once: true });
  try {
    let output = "";
    const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      let all = "";
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        all += text;
        output += text;
        onOutput?.(text);
      }
      return all;
    };
    // A pipe ends when its last holder has exited, so this waits for grandchildren as well.
    const [status, stdout] = await Promise.all([
      child.status,
      collect(child.stdout),
      collect(child.stderr),
    ]);
    signal?.throwIfAborted();
    return { code: status.code, stdout, output };
  } finally {
    signal?.removeEventListener("abort", end);
    clearTimeout(killTimer);
  }
}

/**
 * Signals a process, or with a negative number the process group of that leader, as kill(2) does;
 * one that is gone already is no error.
 */
export function signalProcess(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
