/** What a gateway's process has computed. */
import type { GatewayProcess } from "./gateway_process.ts";

/** Of the kernel's clock, in which proc(5) tells times: `getconf CLK_TCK`, 100 on all of Linux. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU that the process has taken since its start; null where the kernel does not say it. */
export function cpuSeconds({ pid }: GatewayProcess): number | null {
  if (Deno.build.os !== "linux") return null;
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name of the program, in brackets, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return (user + system) / TICKS_PER_SECOND;
}
