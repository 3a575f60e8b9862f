/**
 * The gateway beside others, in one run on this machine, and what bounds it. The parts:
 *
 * - `load`        an upstream that costs next to nothing, a bare pass-through, this gateway with its store
 *                 in memory and on the embedded stack, and Portkey's, which keeps no accounts: each alone,
 *                 in rounds that take turns; the medians of the rounds are told
 * - `sustained`   how many streams at once each of them carries
 * - `worker`      memory and CPU under what Supabase's Edge Runtime allows a worker
 * - `cold-start`  to the first answer, under both Denos, and what the function's parts take to import
 * - `growth`      with the rows of the log, the DIDs, and the processes on one database
 *
 * Usage: deno run -A scripts/bench/gateways.ts [--quick] [--parts=load,growth] [--rounds=5] [--rows=10000000]
 *   [--json=<file>] [--write]
 */
import { parseArgs } from "node:util";
import { coldStart } from "./gateways/cold_start.ts";
import { writeDocument } from "./gateways/document.ts";
import { figuresOf, growthFigures } from "./gateways/figures.ts";
import { type Growth, growth } from "./gateways/growth.ts";
import { machine } from "./gateways/machine.ts";
import { measure, type Measured, SHAPES, warmUp } from "./gateways/measure.ts";
import { type Part, PARTS, type Report } from "./gateways/report.ts";
import { sectionsOf } from "./gateways/sections.ts";
import { sustained } from "./gateways/sustained.ts";
import { startTargets, type Target } from "./gateways/targets.ts";
import { worker } from "./gateways/worker.ts";

/** How much is measured: all of it within 35 minutes on two cores, or what matters most within two. */
const FULL = {
  parts: PARTS as readonly Part[],
  rounds: 5,
  seconds: 1.5,
  /** At first, and before each of a target's turns. */
  warmUpSeconds: { first: 10, each: 3 },
  firstStreams: 64,
  coldStarts: 9,
  sizes: { rows: [10_000, 100_000, 1_000_000], dids: [1, 1_000, 100_000], processes: [1, 2, 4] },
};
const QUICK: typeof FULL = {
  parts: ["load", "worker", "cold-start"],
  rounds: 2,
  seconds: 0.3,
  warmUpSeconds: { first: 1.5, each: 0 },
  firstStreams: 64,
  coldStarts: 3,
  sizes: { rows: [10_000, 100_000], dids: [1, 1_000], processes: [1, 4] },
};

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    parts: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    rows: { type: "string" },
    json: { type: "string" },
    write: { type: "boolean", default: false },
  },
});
const much = options.quick ? QUICK : FULL;
const parts = options.parts?.split(",") ?? much.parts;
const unknown = parts.find((part) => !(PARTS as readonly string[]).includes(part));
if (unknown !== undefined) {
  console.error(`error: no part ${unknown}; there are ${PARTS.join(", ")}`);
  Deno.exit(2);
}
const rounds = Number(options.rounds ?? much.rounds);
const seconds = Number(options.seconds ?? much.seconds);
const sizes = { ...much.sizes, rows: rowsUpTo(options.rows) };
const has = (part: Part) => parts.includes(part);

const began = performance.now();
const report: Report = { machine: await machine(), rounds };
/** Every round, where its figures do not hold them. */
const raw: { growth?: Growth } = {};
if (has("load") || has("sustained")) {
  await using started = await startTargets();
  if (has("load")) report.load = figuresOf(await sideBySide(started.targets));
  if (has("sustained")) {
    report.sustained = await sustained(started.targets, much.firstStreams);
  }
}
if (has("worker")) report.worker = await worker();
if (has("cold-start")) report["cold-start"] = await coldStart(much.coldStarts);
if (has("growth")) {
  report.growth = growthFigures(raw.growth = await growth(sizes, rounds, seconds));
}

for (const [part, text] of sectionsOf(report)) console.log(`\n## ${part}\n\n${text}`);
if (options.json !== undefined) {
  await Deno.writeTextFile(options.json, JSON.stringify({ ...report, raw }, null, 2));
}
if (options.write) await writeDocument(report);
console.error(`\n${((performance.now() - began) / 60_000).toFixed(1)} minutes`);

/** In turns so long that what a target does in one, it does in code that is compiled. */
async function sideBySide(targets: Target[]): Promise<Measured[]> {
  const { first, each } = much.warmUpSeconds;
  const shapes = SHAPES.filter(({ isQuick }) => isQuick || !options.quick);
  const all: Measured[] = [];
  for (const target of targets) await warmUp(target, first);
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      console.error(`round ${round + 1} of ${rounds}: ${target.name}`);
      if (each > 0) await warmUp(target, each);
      for (const shape of shapes) all.push(await measure(target, shape, seconds, round));
    }
  }
  return shapes.flatMap(({ name, clients }) =>
    targets.flatMap((target) =>
      all.filter((one) =>
        one.shape === name && one.clients === clients && one.target === target.name
      )
    )
  );
}

/** Ten times as many each, from ten thousand to as many as are asked for. */
function rowsUpTo(most: string | undefined): number[] {
  if (most === undefined) return much.sizes.rows;
  const all: number[] = [];
  for (let rows = 10_000; rows < Number(most); rows *= 10) all.push(rows);
  return [...all, Number(most)];
}
