import assert from "node:assert/strict";
import { fakeClock, keyThatIs, refusedWith } from "../../testing/maintenance.ts";
import { createMaintenance, type MaintenanceDeps, type Turns } from "./maintenance.ts";

function maintenanceOf(turns: Turns, store: Partial<MaintenanceDeps["store"]> = {}) {
  const clock = fakeClock();
  const lines: Record<string, unknown>[] = [];
  const leases: string[] = [];
  const run = createMaintenance({
    store: {
      beginMaintenance(_runId, leaseMs) {
        leases.push(`begin ${leaseMs}`);
        return Promise.resolve(true);
      },
      async endMaintenance() {
        // What is not awaited is not there when the run is over.
        await new Promise((resolve) => setTimeout(resolve));
        leases.push("end");
      },
      standingDrifts: () => Promise.resolve([]),
      ...store,
    },
    turns,
    ...clock,
    createKeyState: () => keyThatIs("accepted").keyState,
    log: (line) => lines.push(line),
  });
  return { run, clock, lines, leases };
}

Deno.test("jobs run in their order, and the answer and the log say what each did, left and took", async () => {
  const { run, clock, lines, leases } = maintenanceOf([
    ["first", 0.5, () => {
      clock.pass(3_000);
      return Promise.resolve({ done: 7, left: 0 });
    }],
    ["second", 1, (turn) => {
      clock.pass(60_000);
      turn.stopped();
      return Promise.resolve({ done: 1, left: 2, details: { unknown: 1 } });
    }],
  ]);
  const jobs = {
    first: { done: 7, left: 0, ms: 3_000 },
    second: { done: 1, left: 2, details: { unknown: 1 }, ms: 60_000, stopped: "out_of_time" },
  };
  assert.deepEqual(await run(60_000), { ran: true, ms: 63_000, jobs, drifts: [] });
  assert.deepEqual(lines, [{ level: "info", event: "maintenance", ms: 63_000, ...jobs }]);
  assert.deepEqual(leases, ["begin 120000", "end"]);
});

Deno.test("a job has until the end of its part of the budget, and what others leave", async () => {
  const ended: number[] = [];
  const { run, clock } = maintenanceOf([
    ["quick", 0.2, () => Promise.resolve({ done: 0, left: 0 })],
    ["slow", 0.6, (turn) => {
      const began = clock.now();
      while (turn.stopped() === null) clock.pass(100);
      ended.push(clock.now() - began);
      return Promise.resolve({ done: 0, left: 1 });
    }],
  ]);
  await run(10_000);
  assert.deepEqual(ended, [6_000]);
});

Deno.test("what a job takes is not given to the next one again", async () => {
  const ended: number[] = [];
  const { run, clock } = maintenanceOf([
    ["slow", 0.5, () => {
      clock.pass(4_000);
      return Promise.resolve({ done: 0, left: 0 });
    }],
    ["last", 1, (turn) => {
      while (turn.stopped() === null) clock.pass(100);
      ended.push(clock.now());
      return Promise.resolve({ done: 0, left: 1 });
    }],
  ]);
  const beganMs = clock.now();
  await run(10_000);
  assert.deepEqual(ended, [beganMs + 10_000]);
});

Deno.test("a job that is done has not been stopped, however late it is", async () => {
  const jobOf = (left: number | null): Turns[number] => [`${left} left`, 1, (turn) => {
    clock.pass(60_000);
    turn.stopped();
    return Promise.resolve({ done: 1, left });
  }];
  const { run, clock } = maintenanceOf([jobOf(0), jobOf(1), jobOf(null)]);
  const { jobs } = await run(1_000);
  assert.deepEqual(Object.values(jobs).map(({ stopped }) => stopped), [
    undefined,
    "out_of_time",
    "out_of_time",
  ]);
});

Deno.test("where another run holds the lease, nothing is done", async () => {
  const { run, lines, leases } = maintenanceOf(
    [["never", 1, () => assert.fail("the job ran")]],
    { beginMaintenance: () => Promise.resolve(false) },
  );
  assert.deepEqual(await run(60_000), { ran: false, ms: 0, jobs: {}, drifts: [] });
  assert.deepEqual([lines, leases], [[], []]);
});

Deno.test("a job that fails keeps no other from running, and is told of", async () => {
  const { run, lines, leases } = maintenanceOf([
    ["broken", 0.5, () => Promise.reject(new Error("a bug"))],
    ["sound", 1, () => Promise.resolve({ done: 1, left: 0 })],
  ]);
  const { jobs } = await run(60_000);
  assert.deepEqual(jobs, {
    broken: { failed: "Error", ms: 0 },
    sound: { done: 1, left: 0, ms: 0 },
  });
  assert.deepEqual([lines[0]?.level, lines[0]?.event], ["error", "maintenance_failed"]);
  assert.equal(lines[0]?.job, "broken");
  assert.match(String(lines[0]?.cause), /a bug/);
  assert.equal(leases.at(-1), "end");
});

Deno.test("a difference that has stood for an hour is in the answer and the log", async () => {
  const drift = { did: "did:x:1", drift_usd: "5", byok_drift_usd: null, stands_since: "t" };
  const { run, lines } = maintenanceOf([], { standingDrifts: () => Promise.resolve([drift]) });
  assert.deepEqual((await run(1_000)).drifts, [drift]);
  assert.deepEqual(lines.at(-1), { level: "warn", event: "cost_drift", ...drift });
});

Deno.test("what a job passed over is told, in its report and by name in the log, beside what it did", async () => {
  const { run, lines } = maintenanceOf([
    ["first", 1, async (turn) => {
      for (const did of ["did:x:1", "did:x:2"]) {
        await turn.passOver({ did })(refusedWith(403));
      }
      return { done: 5, left: 2 };
    }],
  ]);
  assert.deepEqual((await run(60_000)).jobs, {
    first: {
      done: 5,
      left: 2,
      failed: "passed over 2, the first because of this: OpenRouter answered with status 403",
      ms: 0,
    },
  });
  const told = lines.filter(({ event }) => event === "maintenance_passed_over");
  assert.deepEqual(
    told.map(({ level, job, did, error }) => [level, job, did, error]),
    [1, 2].map((n) => ["warn", "first", `did:x:${n}`, "ManagementError"]),
  );
});
