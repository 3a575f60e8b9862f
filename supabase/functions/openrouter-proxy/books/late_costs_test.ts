import assert from "node:assert/strict";
import type { KnownCost } from "../store/settlement.ts";
import { GENERATION } from "../testing/bookkeeping.ts";
import { createEntries } from "./entries.ts";
import { createLateCosts } from "./late_costs.ts";

const REQUEST = { requestId: "r", requestTime: "t", did: "did:x:1", generationId: "gen-1" };

/** What is booked of this generation, and said, where Postgres takes an entry after some failures. */
async function lateCost(generation: Record<string, unknown> | null, failures = 0) {
  const booked: KnownCost[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = (line: Record<string, unknown>) => void lines.push(line);
  let attempts = 0;
  const findCost = createLateCosts({
    store: {
      bookCost(cost) {
        if (attempts++ < failures) return Promise.reject(new Error("the store is away"));
        booked.push(cost);
        return Promise.resolve(true);
      },
    },
    generations: {
      read: () => Promise.resolve(generation),
      readJob: () => assert.fail("it is no job"),
    },
    entries: createEntries({ sleep: () => Promise.resolve(), log }),
    usdPerCredit: "1",
    log,
  });
  await findCost(REQUEST);
  return { booked, lines };
}

Deno.test("a cost that comes late is booked once Postgres takes it, and told", async () => {
  for (const failures of [0, 3]) {
    const { booked, lines } = await lateCost(GENERATION, failures);
    assert.deepEqual(booked.map(({ row, cost }) => [row, cost]), [
      [{ requestId: "r", requestTime: "t" }, "0.7"],
    ]);
    assert.deepEqual(lines.map(({ event, cost }) => [event, JSON.stringify(cost)]), [[
      "cost_found",
      "0.7",
    ]]);
  }
});

Deno.test("a cost that Postgres never takes is left to the log, and told by nothing else", async () => {
  const { booked, lines } = await lateCost(GENERATION, Infinity);
  assert.deepEqual(booked, []);
  assert.deepEqual(lines.map(({ event, cost }) => [event, cost]), [["settlement_deferred", "0.7"]]);
});

Deno.test("what has no cost is not booked", async () => {
  for (const generation of [null, { model: "m" }]) {
    assert.deepEqual(await lateCost(generation), { booked: [], lines: [] });
  }
});
