/** The processes that a bench runs beside it. */
import { signalProcess } from "../stack/child.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { readEnvironmentLines } from "../stack/printed_environment.ts";

/** A process that prints `NAME=value` lines, then one starting with `ready`. */
export async function startProcess(script: string, env: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-no-legacy-abort", script],
    cwd: PROJECT_ROOT,
    env,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let output = "";
  const ended = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (/^ready/m.test(output)) resolve();
    }
    reject(new Error(`${script} ended before it was ready`));
    await child.status;
  })();
  await promise;
  return {
    /** Ends it with SIGKILL, as a crash does. */
    async kill() {
      signalProcess(child.pid, "SIGKILL");
      await ended;
    },
    pid: child.pid,
    printed: (name: string) => readEnvironmentLines(output)[name]!,
    async [Symbol.asyncDispose]() {
      signalProcess(child.pid, "SIGTERM");
      await ended;
    },
  };
}
