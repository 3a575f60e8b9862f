/** What a person is told while a soak runs. */
import type { CallRecord } from "./call_record.ts";
import type { MemorySample } from "./memory_samples.ts";
import type { OutageRecord } from "./outages.ts";

export function progressLine({ beganMs, minutes, calls, outages, memory }: {
  beganMs: number;
  minutes: number;
  calls: readonly CallRecord[];
  outages: readonly OutageRecord[];
  memory: readonly MemorySample[];
}): string {
  const count = (which: (call: CallRecord) => boolean) => calls.filter(which).length;
  const sample = memory.at(-1);
  return [
    `${clock(Date.now() - beganMs)} of ${clock(minutes * 60_000)}: ${calls.length} calls`,
    `${count(({ status }) => status === 200)} answered`,
    `${count(({ type }) => type !== null)} refused`,
    `${count(({ hasLeft }) => hasLeft)} left`,
    `${outages.length} outages`,
    ...(sample === undefined ? [] : [`${sample.liveMb.toFixed(1)} MB live`]),
  ].join(", ");
}

function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
