import assert from "node:assert/strict";
import { codeBlocks } from "../../../scripts/docs/code_blocks.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import type { GatewayProcess } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { startTcpProxy } from "./harness/tcp_proxy.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const line = startTcpProxy();
const world = useWorld({ gateways: 2, env: { SUPABASE_URL: line.url } });
Deno.test.beforeAll(() => {
  line.target = world.stack.url;
});
Deno.test.afterAll(line.stop);

/** The recipe of docs/operators.md that books a line of the log. */
function recipeWith(line: string): string {
  const file = new URL("../../../docs/operators.md", import.meta.url);
  const recipe = codeBlocks(Deno.readTextFileSync(file))
    .find(({ title, language }) => title === "Postgres is down" && language === "sql")!.code;
  return recipe.replace(/'\{.*\}'/, () => `'${line.replaceAll("'", "''")}'`);
}

/** A stream whose line to Postgres is cut while it runs; read to its end. */
async function streamWithoutPostgres(gateway: GatewayProcess) {
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat("one two", { stream: true }), {
    headers: { "x-openrouter-simulate": "chunks:5,slow:30,reasoning:2" },
  });
  assert.equal(response.status, 200);
  line.cut();
  assert.match(await response.text(), /data: \[DONE\]\n\n$/);
  return { identity, id: response.headers.get("x-request-id") };
}

Deno.test("a request that Postgres cannot admit is 503, and nothing is forwarded", async () => {
  // BerriAI/litellm #33923: the gateway failed open.
  const { gateway, openrouter, db } = world;
  const identity = await newIdentity();
  await (await call(gateway, identity, "POST", CHAT, chat("hi"))).text();
  await db.endedRows(identity.did, 1);
  const before = openrouter.requestCount();
  line.cut();
  const response = await call(gateway, identity, "POST", CHAT, chat("hi"));
  line.mend();
  await assertRefused(response, 503, "store_unavailable");
  assert.equal(response.headers.get("retry-after"), "2");
  assert.equal(openrouter.requestCount(), before);
  assert.equal((await db.rowsOf(identity.did)).length, 1);
});

Deno.test("a call that Postgres could not settle is booked when it is back, once", async () => {
  const { db, gateway, openrouter } = world;
  const before = line.refused();
  const { identity } = await streamWithoutPostgres(gateway);
  await until("two attempts to settle", () => line.refused() >= before + 2);
  assert.deepEqual((await db.rowsOf(identity.did)).map(({ status }) => status), ["pending"]);

  line.mend();

  const [row] = await db.endedRows(identity.did, 1);
  assert.deepEqual([row?.status, row?.output_tokens, row?.cost_source], [
    "completed",
    5,
    "response",
  ]);
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal(row?.total_cost, usage);
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 0, cost: usage });
  assert.ok(!gateway.log.some(({ event }) => event === "settlement_deferred"));
});

Deno.test("a call that Postgres has not settled when the process ends is one line of the log, from which it can be booked", async () => {
  const { db, gateways, openrouter } = world;
  const gateway = gateways[1]!;
  const before = line.refused();
  const { identity, id } = await streamWithoutPostgres(gateway);
  await until("an attempt to settle", () => line.refused() > before);
  await gateway.stop();
  line.mend();

  const deferred = () => gateway.log.filter(({ event }) => event === "settlement_deferred");

  const [row] = await db.rowsOf(identity.did);
  assert.equal(row?.status, "pending");
  const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal(deferred().length, 1);
  const { time: _time, cause, requestTime, firstByteMs, generationId, ...settlement } =
    deferred()[0]!;
  assert.ok(Date.parse(String(requestTime)) > 0);
  assert.deepEqual(settlement, {
    level: "error",
    event: "settlement_deferred",
    requestId: id,
    status: "completed",
    httpStatus: 200,
    errorMessage: null,
    model: "openai/gpt-4o-mini",
    provider: "OpenAI",
    nativeFinishReason: "length",
    inputTokens: 2,
    outputTokens: 5,
    cachedTokens: 0,
    reasoningTokens: 2,
    cost: usage,
    upstreamCost: null,
    usdPerCredit: "1",
    costSource: "response",
    givenUp: false,
    mayBeRepeated: false,
  });
  assert.match(String(cause), /settle_request/);
  assert.match(String(generationId), /^gen-/);
  assert.equal(typeof firstByteMs, "number");
  // The line is enough for an operator to settle the row with.
  await db.sql.unsafe(recipeWith(JSON.stringify(deferred()[0])));
  const [settled] = await db.endedRows(identity.did, 1);
  assert.equal(settled?.total_cost, usage);
});
