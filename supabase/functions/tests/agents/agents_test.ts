/** Coding agents, fetched from npm, by their recipes in docs/clients.md. */
import assert from "node:assert/strict";
import { createDidToken, type Identity } from "../../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, newIdentity } from "../harness/client.ts";
import { until } from "../harness/until.ts";
import { useWorld } from "../harness/world.ts";
import { CODING_AGENTS, type CodingAgent, installAgents, startAgent } from "./coding_agents.ts";

const world = useWorld({ withLimits: true });
const folder = await Deno.makeTempDir();
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));
const programs = await installAgents(folder);

const COMMAND = "echo made by the tool | tee made.txt";
const EXPIRED_S = 7200;

/** A token that holds, or one that has expired. */
async function token(identity: Identity, agoS = 0): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000) - agoS;
  return await createDidToken(identity, { audience: AUDIENCE, issuedAt });
}

function start(agent: CodingAgent, tokens: string[], title = agent.title) {
  const prompt = `Run ${agent.shell(COMMAND)}.`;
  return startAgent(agent, { programs, gatewayUrl: world.gateway.url, tokens, prompt, title });
}

/** Asserts that the DID's rows cost, one by one and together, what OpenRouter charged its key. */
async function assertBooked(did: string): Promise<void> {
  const { db, openrouter } = world;
  const key = openrouter.keyOf(await db.keyHash(did));
  const rows = await db.pricedRows(did, key.generations);
  const { requests, cost } = await db.booked(did);
  assert.deepEqual([requests, cost], [key.generations, key.usage]);
  assert.ok(rows.every(({ total_cost }) => Number(total_cost) > 0));
}

async function assertLooped(agent: CodingAgent, tokens: string[], did: string): Promise<void> {
  await using running = await start(agent, tokens);
  const { code, output } = await running.ended;
  assert.equal(code, 0, output);
  assert.match(output, /made by the tool/);
  assert.equal(await Deno.readTextFile(`${running.folder}/made.txt`), "made by the tool\n");
  await assertBooked(did);
  const rows = await world.db.rowsOf(did);
  // The call of the tool, and the answer to what it gave; some ask for a title besides.
  assert.ok(rows.length === 2 || rows.length === 3, String(rows.length));
  for (const row of rows) {
    const { status, http_status, endpoint, model, streaming } = row;
    assert.deepEqual(
      { status, http_status, endpoint, model, streaming },
      {
        status: "completed",
        http_status: 200,
        endpoint: agent.endpoint,
        model: agent.model,
        streaming: true,
      },
    );
    assert.ok(row.input_tokens! > 0 && row.output_tokens! > 0);
  }
}

for (const agent of CODING_AGENTS) {
  Deno.test(`${agent.title} runs a tool loop, at what OpenRouter charges for it`, async () => {
    const identity = await newIdentity();
    await assertLooped(agent, [await token(identity)], identity.did);
  });

  Deno.test(`${agent.title} that is interrupted ends its call at OpenRouter, which is paid`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();
    openrouter.addFault({ on: `POST ${agent.endpoint}`, faults: "hang:2", times: null });
    try {
      await using running = await start(agent, [await token(identity)]);
      await until(`${agent.title}'s call`, async () => {
        const hash = await db.keyHash(identity.did);
        return hash !== null && openrouter.requestsWith(hash).length > 0;
      });
      running.interrupt();
      await running.ended;
      await openrouter.quiet();
    } finally {
      openrouter.clearFaults();
    }
    await assertBooked(identity.did);
    const rows = await db.rowsOf(identity.did);
    assert.ok(rows.length > 0);
    for (const row of rows) {
      assert.deepEqual([row.status, row.error_message], ["failed", "client_disconnected"]);
    }
  });

  Deno.test(`${agent.title} tells of a token that has expired, and soon ends`, async () => {
    const { db, gateway } = world;
    const identity = await newIdentity();
    const before = gateway.log.length;
    const expired = await token(identity, EXPIRED_S);
    await using running = await start(agent, [expired], agent.titleOfOneToken);
    const { output } = await running.ended;
    assert.match(output, /the token has expired/);
    assert.deepEqual(await db.rowsOf(identity.did), []);
    const refused = gateway.log.slice(before).filter(({ status }) => status === 401).length;
    assert.ok(refused >= 1 && refused <= agent.mostRefusals, String(refused));
  });
}

/** Those that run a command for their tokens. */
const RENEWING = CODING_AGENTS.filter(({ title }) => title !== "opencode");

for (const agent of RENEWING) {
  Deno.test(`${agent.title} asks for another token when one has expired, and goes on`, async () => {
    const identity = await newIdentity();
    const tokens = [await token(identity, EXPIRED_S), await token(identity)];
    await assertLooped(agent, tokens, identity.did);
  });
}
