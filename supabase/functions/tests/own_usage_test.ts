/** `did usage`: a DID's own report, out of the API. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { signedFetch } from "../../../scripts/client/llm_gateway.ts";
import { readOwnUsage } from "../../../scripts/report/own_usage.ts";
import { usageCommand } from "../../../scripts/report/own_usage_command.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { setLimits } from "./harness/limits.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** A DID with calls at these prices, one that was refused, and one of unknown cost. */
async function withHistory(...costs: string[]) {
  const identity = await newIdentity();
  const simulations = [...costs.map((cost) => `cost:${cost}`), "status:400", "drop"];
  for (const simulate of simulations) {
    const headers = { "x-openrouter-simulate": simulate };
    const response = await call(world.gateway, identity, "POST", CHAT, chat("hello"), { headers });
    await response.body?.cancel();
  }
  await world.db.endedRows(identity.did, simulations.length);
  const { url: gatewayUrl } = world.gateway;
  return {
    identity,
    gateway: { gatewayUrl, fetch: signedFetch(identity, { gatewayUrl, audience: AUDIENCE }) },
  };
}

const today = () => new Date().toISOString().slice(0, 10);

Deno.test("a DID's own report has its totals, models and budgets, with every digit", async () => {
  const { identity, gateway } = await withHistory("0.1", "0.2", "0.000000000000000001");
  await setLimits(world.db, identity.did, { daily_budget_usd: 5 });
  const report = await readOwnUsage(gateway, { from: "2026-01-01", to: today() });
  assert.equal(report.did, identity.did);
  assert.equal(report.totals.costUsd, "0.300000000000000001");
  assert.deepEqual([report.totals.requests, report.totals.failed], [5, 2]);
  assert.equal(report.totals.withoutCost, 1);
  assert.equal(report.models[0]?.costUsd, "0.300000000000000001");
  // A range of over four months is by weeks.
  assert.equal(report.unit, "week");
  const sums = report.series.filter(({ model }) => model === report.models[0]?.model);
  assert.deepEqual(sums.map(({ costUsd }) => costUsd), ["0.300000000000000001"]);
  const [budget] = report.budgets;
  assert.deepEqual([budget?.period, budget?.limitUsd], ["day", "5"]);
  assert.equal(budget?.spentUsd, "0.300000000000000001");
});

Deno.test("did usage writes its report in every format", async () => {
  const { identity, gateway } = await withHistory("0.25");
  const folder = await Deno.makeTempDir();
  try {
    const expected = {
      table: "$0.25 for 3 requests",
      csv: ",0.25\r\n",
      json: '"0.25"',
      html: "<svg",
    };
    for (const [format, text] of Object.entries(expected)) {
      const output = `${folder}/report.${format}`;
      const program = new Command("did").addCommand(
        usageCommand([], () => Promise.resolve(gateway)),
      );
      await program.parseAsync(["usage", "--days", "2", "--format", format, "--output", output], {
        from: "user",
      });
      const written = await Deno.readTextFile(output);
      assert.ok(written.includes(text), written.slice(0, 500));
      if (format !== "csv") assert.ok(written.includes(identity.did));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a report that the gateway refuses says why", async () => {
  const { gateway } = await withHistory();
  const wrong = { ...gateway, fetch: globalThis.fetch };
  await assert.rejects(
    readOwnUsage(wrong, { from: "2026-11-01", to: "2026-11-27" }),
    { message: /^the gateway answered 401: missing_credentials: / },
  );
});

Deno.test("a gateway that does not answer is named", async () => {
  const silent = {
    gatewayUrl: "http://127.0.0.1:9999/f",
    fetch: () => Promise.reject(new TypeError("fetch failed")),
  };
  await assert.rejects(readOwnUsage(silent, { from: "2026-11-01", to: "2026-11-27" }), {
    message: "the gateway at http://127.0.0.1:9999/f did not answer (fetch failed); " +
      "GATEWAY_URL says where it is",
  });
});
