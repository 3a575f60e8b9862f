/**
 * The gateway beside others, in one run on this machine: an upstream that costs next to nothing, a bare
 * pass-through, this gateway with its store in memory and on the embedded stack, and Portkey's, which
 * keeps no accounts. Each is measured alone, in rounds that take turns; what is told is the median of
 * the rounds.
 *
 * Usage: deno run -A scripts/bench/gateways.ts [--quick] [--rounds=5] [--json=<file>]
 */
import { parseArgs } from "node:util";
import { measure, type Measured, SHAPES } from "./gateways/measure.ts";
import { comparison } from "./gateways/comparison.ts";
import { startTargets } from "./gateways/targets.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));
const seconds = options.quick ? 0.7 : 3;

await using started = await startTargets();
const measured: Measured[] = [];
for (let round = 0; round < rounds; round++) {
  console.error(`round ${round + 1} of ${rounds}`);
  for (const shape of SHAPES.filter(({ isQuick }) => isQuick || !options.quick)) {
    for (const target of started.targets) {
      measured.push(await measure(target, shape, seconds));
    }
  }
}
const table = comparison(measured);
console.log(table.text);
if (options.json !== undefined) {
  await Deno.writeTextFile(options.json, JSON.stringify(table.figures));
}
