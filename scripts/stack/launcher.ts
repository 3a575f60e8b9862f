/**
 * Notices the end of npx, which `npx -y deno task dev` runs under.
 *
 * A SIGTERM that is sent to npx alone ends npx and the shell below it, but nothing passes it on to
 * Deno: the command would go on unseen, with its ports.
 */
const POLL_MS = 500;

/** Calls back once when a process between npx and us has ended. Does nothing without npx. */
export function onLauncherGone(callback: () => void): void {
  if (Deno.env.get("npm_command") !== "exec") return;
  const launchers = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === launchers) return;
    clearInterval(timer);
    callback();
  }, POLL_MS);
  Deno.unrefTimer(timer);
}

/** Our parent and its parent: `deno task`, and the shell that npx starts. */
function ancestors(): string {
  return `${Deno.ppid} ${parentOf(Deno.ppid)}`;
}

function parentOf(pid: number): string {
  if (Deno.build.os !== "linux") {
    const { stdout } = new Deno.Command("ps", { args: ["-o", "ppid=", "-p", String(pid)] })
      .outputSync();
    return new TextDecoder().decode(stdout).trim();
  }
  try {
    return /^PPid:\s*(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? "";
  } catch {
    return ""; // it ended between two looks
  }
}
