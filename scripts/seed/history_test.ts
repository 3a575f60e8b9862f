import assert from "node:assert/strict";
import { type HistoryOptions, makeHistory } from "./history.ts";

const DAY_MS = 86_400_000;
const OPTIONS: HistoryOptions = {
  dids: 20,
  days: 28,
  rows: 5000,
  seed: 7,
  today: new Date("2026-11-27T00:00:00Z"),
  passedMs: DAY_MS / 2,
};

Deno.test("makeHistory makes the same for the same seed, and something else for another", () => {
  assert.deepEqual(makeHistory(OPTIONS), makeHistory(OPTIONS));
  assert.notDeepEqual(makeHistory({ ...OPTIONS, seed: 8 }), makeHistory(OPTIONS));
});

for (
  const changes of [{}, { rows: 1, dids: 1, days: 1 }, { dids: 50, rows: 10 }, { passedMs: 0 }]
) {
  Deno.test(`makeHistory makes as many rows as are asked for, in their order, none ahead: ${JSON.stringify(changes)}`, () => {
    const options = { ...OPTIONS, ...changes };
    const { rows, accounts } = makeHistory(options);
    assert.equal(rows.length, options.rows);
    for (const [index, { at_ms }] of rows.entries()) {
      assert.ok(at_ms >= (1 - options.days) * DAY_MS && at_ms <= options.passedMs, String(at_ms));
      assert.ok(index === 0 || at_ms >= rows[index - 1]!.at_ms);
    }
    assert.ok(accounts.length <= options.dids);
    assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
    assert.deepEqual(
      new Set(rows.map(({ did }) => did)),
      new Set(accounts.map(({ did }) => did)),
    );
  });
}

Deno.test("makeHistory has working days, failures, unknown costs, free calls and sessions", () => {
  const { rows } = makeHistory(OPTIONS);
  const share = (is: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(is).length / rows.length;
  const weekday = (at: number) => new Date(OPTIONS.today.getTime() + at).getUTCDay();
  assert.ok(share(({ at_ms }) => weekday(at_ms) % 6 === 0) < 0.22);
  assert.ok(share(({ status }) => status === "failed") > 0.02);
  assert.ok(share(({ status }) => status === "failed") < 0.15);
  assert.ok(share(({ total_cost }) => total_cost === null) > 0.003);
  assert.ok(share(({ model }) => model!.endsWith(":free")) > 0.02);
  assert.ok(share(({ session }) => session !== null) > 0.1);
});

Deno.test("makeHistory writes costs as exact decimals", () => {
  for (const { total_cost } of makeHistory(OPTIONS).rows) {
    if (total_cost !== null) assert.match(total_cost, /^[0-9]+(\.[0-9]*[1-9])?$/);
  }
});
