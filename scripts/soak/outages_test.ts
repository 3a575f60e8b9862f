import assert from "node:assert/strict";
import { createRandom } from "../seed/random.ts";
import { createSchedule, OUTAGES } from "./outages.ts";

const names = (seed: number, mayEndGateway: (n: number) => boolean, count = 3 * OUTAGES.length) => {
  const next = createSchedule(createRandom(seed));
  return Array.from({ length: count }, (_, n) => next(mayEndGateway(n)).what);
};

Deno.test("the same seed makes the same outages, another one others", () => {
  const always = () => true;
  assert.deepEqual(names(1, always), names(1, always));
  assert.notDeepEqual(names(1, always), names(2, always));
});

Deno.test("each outage comes before any comes again", () => {
  const first = names(3, () => true, OUTAGES.length);
  assert.equal(new Set(first).size, OUTAGES.length);
});

Deno.test("the gateway is left alone where it must be", () => {
  const ends = OUTAGES.filter(({ endsGateway }) => endsGateway).map(({ what }) => what);
  assert.equal(ends.length, 2);
  const after = names(4, (n) => n < 5).slice(5);
  assert.deepEqual(after.filter((what) => ends.includes(what)), []);
  assert.equal(new Set(after).size, OUTAGES.length - ends.length);
});
