/**
 * Notices the end of npx, which `npx -y deno task dev` runs under; in Deno and in Node.
 *
 * A SIGTERM that is sent to npx alone ends npx and the shell below it, but nothing passes it on to
 * Deno: the command would go on unseen, with its ports.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { setInterval } from "node:timers";

const POLL_MS = 500;

/** Calls back once when a process between npx and us has ended. Does nothing without npx. */
export function onLauncherGone(callback: () => void): void {
  if (process.env.npm_command !== "exec") return;
  const launchers = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === launchers) return;
    clearInterval(timer);
    callback();
  }, POLL_MS);
  timer.unref();
}

/** Our parent and its parent: `deno task`, and the shell that npx starts. */
function ancestors(): string {
  return `${process.ppid} ${parentOf(process.ppid)}`;
}

function parentOf(pid: number): string {
  if (process.platform !== "linux") {
    const { stdout } = spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" });
    return (stdout ?? "").trim();
  }
  try {
    return /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return ""; // it ended between two looks
  }
}
