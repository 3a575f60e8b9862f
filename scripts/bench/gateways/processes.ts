/** What the system says of processes that a bench measures: Linux's /proc. */

/** A clock tick of /proc, in milliseconds: `getconf CLK_TCK` is 100 on every Linux that Deno runs on. */
const TICK_MS = 10;

/** A process with all that it has begun. */
async function withDescendants(pid: number): Promise<number[]> {
  const children = await readText(`/proc/${pid}/task/${pid}/children`);
  const pids = children.split(" ").filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(pids.map(withDescendants))).flat()];
}

/** CPU time that processes and what they have begun have used so far, in milliseconds. */
export async function cpuTimeMs(pids: number[]): Promise<number> {
  const all = (await Promise.all(pids.map(withDescendants))).flat();
  let ticks = 0;
  for (const pid of all) {
    // Behind the name, which may hold spaces: utime is field 14 and stime 15 of proc_pid_stat(5).
    const fields = (await readText(`/proc/${pid}/stat`)).split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * TICK_MS;
}

/** Lets a process's peak begin anew (proc_pid_clear_refs(5)); where that is not allowed, it goes on. */
export async function resetPeakMemory(pid: number): Promise<void> {
  try {
    await Deno.writeTextFile(`/proc/${pid}/clear_refs`, "5", { create: false });
  } catch {
    // The peak is then the process's, since its start.
  }
}

/** The most memory that a process has held since its start or the last reset, in MB; 0: it is gone. */
export async function peakMemoryMb(pid: number): Promise<number> {
  const kb = /^VmHWM:\s+(\d+) kB/m.exec(await readText(`/proc/${pid}/status`))?.[1];
  return Number(kb ?? 0) / 1024;
}

/** Empty where the process has ended. */
async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return "";
  }
}
