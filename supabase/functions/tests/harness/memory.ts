/** What the kernel says of another process's memory; Linux alone says it. */

/** The most memory that a process has held since resetPeak, in megabytes; null where nobody says. */
export function peakMemoryMb(pid: number): number | null {
  if (Deno.build.os !== "linux") return null;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Forgets the peak so far (proc(5), "clear_refs"). */
export function resetPeak(pid: number): void {
  if (Deno.build.os === "linux") Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}
