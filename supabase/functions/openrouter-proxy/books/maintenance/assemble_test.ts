import assert from "node:assert/strict";
import { type AssemblyDeps, turnsOf } from "./assemble.ts";

Deno.test("each job of maintenance has a part of its time, the last one until its end", () => {
  const turns = turnsOf({
    openrouterUrl: "https://openrouter.example/api/v1",
    provisioningKey: "sk-management",
    usdPerCredit: "1",
    alerts: { deliver: () => Promise.reject(new Error("not now")) },
  } as Partial<AssemblyDeps> as AssemblyDeps);
  const jobs = turns.map(([name]) => name);
  assert.deepEqual(jobs, [
    "stale_rows",
    "unpriced_rows",
    "comparison",
    "lost_calls",
    "alerts",
    "purges",
  ]);
  const ends = turns.map(([, until]) => until);
  assert.equal(ends.at(-1), 1);
  for (const [index, end] of ends.entries()) assert.ok(end > (ends[index - 1] ?? 0), `${ends}`);
});
