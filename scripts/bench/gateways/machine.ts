/** The machine that a bench runs on, as far as it bears on figures. */
import { cpus, totalmem } from "node:os";
import { runToEnd } from "../../run_to_end.ts";
import { EDGE_DENO } from "../../test/edge_deno.ts";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  deno: string;
  edgeDeno: string;
  node: string;
  /** The day, by UTC. */
  date: string;
}

export async function machine(): Promise<Machine> {
  const { stdout } = await runToEnd("node", { args: ["--version"] });
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${Deno.build.os} ${Deno.osRelease()}`,
    deno: Deno.version.deno,
    edgeDeno: EDGE_DENO.at(-1)!.replace("deno@", ""),
    node: stdout.trim(),
    date: new Date().toISOString().slice(0, 10),
  };
}
