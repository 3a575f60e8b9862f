import assert from "node:assert/strict";
import { fakeClock, turnOf } from "../../testing/maintenance.ts";
import { type AssemblyDeps, turnsOf } from "./assemble.ts";

Deno.test("each job of maintenance has a part of its time, the last one until its end", () => {
  const turns = turnsOf({
    openrouterUrl: "https://openrouter.example/api/v1",
    managementKey: "sk-management",
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

Deno.test("analytics are asked with the management key", async () => {
  const clock = fakeClock(100 * 86_400_000);
  const asked: unknown[] = [];
  const turns = turnsOf({
    openrouterUrl: "https://openrouter.example/api/v1",
    managementKey: "sk-management",
    usdPerCredit: "1",
    management: { keyUsage: () => Promise.resolve(null) },
    store: {
      claimCostChecks: () =>
        Promise.resolve({ checks: [{ did: "did:x:1", keys: ["k"] }], left: 0 }),
      compareCosts: () => Promise.resolve("equal"),
    },
    alerts: { deliver: () => Promise.reject(new Error("not now")) },
    fetch: (url: string, { headers }: { headers: Record<string, string> }) => {
      asked.push([url, headers.authorization]);
      return Promise.resolve(Response.json({ data: { data: [], metadata: {} } }));
    },
    now: clock.now,
  } as unknown as AssemblyDeps);
  const [, , comparison] = turns.find(([name]) => name === "comparison")!;
  await comparison(turnOf(clock));
  assert.deepEqual(asked, [
    ["https://openrouter.example/api/v1/analytics/query", "Bearer sk-management"],
  ]);
});
