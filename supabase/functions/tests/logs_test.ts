import assert from "node:assert/strict";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, CHAT, chat, type Identity, newIdentity, signed } from "./harness/client.ts";
import { assertNoPlaintextKey } from "./harness/plaintext.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** Everything that was sent and must be found nowhere. */
const secrets: string[] = [];
/** What is asked; the simulator answers with the same words. */
const PROMPT = `prompt${crypto.randomUUID()}`;

interface Sent {
  requestId: string;
  status: number;
  did: string | null;
}

async function send(
  headers: Record<string, string>,
  { method = "POST", path = CHAT, body = chat(PROMPT), did = null as string | null } = {},
): Promise<Sent> {
  const response = await fetch(world.gateway.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(method === "GET" ? {} : { body }),
  });
  const text = await response.text();
  for (const secret of secrets) assert.ok(!text.includes(secret));
  const requestId = response.headers.get("x-request-id");
  assert.ok(requestId);
  return { requestId, status: response.status, did };
}

async function sendSigned(
  identity: Identity,
  { faults = "", method = "POST", path = CHAT, body = chat(PROMPT) } = {},
): Promise<Sent> {
  const headers = await signed(identity, method, path, method === "GET" ? "" : body);
  secrets.push(headers["x-did-signature"]!);
  return await send({ ...headers, "x-openrouter-simulate": faults }, {
    method,
    path,
    body,
    did: identity.did,
  });
}

/** Requests of every kind; what the gateway answered to each. */
async function sendEverything(): Promise<Sent[]> {
  const { openrouter } = world;
  const identity = await newIdentity();
  const token = await createDidToken(identity, { audience: AUDIENCE });
  const expired = await createDidToken(identity, { audience: AUDIENCE, issuedAt: 1_700_000_000 });
  const foreignKey = `sk-or-v1-${"0123456789abcdef".repeat(4)}`;
  secrets.push(token, expired, foreignKey);

  const sent = [
    await sendSigned(identity),
    await sendSigned(identity, { body: chat(PROMPT, { stream: true }) }),
    await sendSigned(identity, { faults: "status:500" }),
    await sendSigned(identity, { faults: "drop" }),
    await sendSigned(identity, { faults: "error", body: chat(PROMPT, { stream: true }) }),
    await sendSigned(identity, { method: "GET", path: "/api/v1/openrouter/models" }),
    await sendSigned(identity, { method: "GET", path: "/api/v1/openrouter/key" }),
    await sendSigned(identity, { method: "GET", path: "/api/v1/usage" }),
    await sendSigned(identity, { path: "/api/v1/openrouter/keys" }),
    await send({ authorization: `Bearer ${token}` }, { did: identity.did }),
    await send({ authorization: `Bearer ${expired}` }),
    await send({ authorization: `Bearer ${foreignKey}` }),
    await send({}, { method: "GET", path: `/api/v1/nowhere?key=${foreignKey}` }),
  ];
  const wrong = await signed(identity, "PUT", CHAT, chat(PROMPT));
  secrets.push(wrong["x-did-signature"]!);
  sent.push(await send(wrong));

  for (const faults of ["status:500", "after,garbage", "after,drop"]) {
    openrouter.addFault({ on: "POST /keys", faults });
    const newcomer = await newIdentity();
    const refused = await sendSigned(newcomer);
    assert.equal(refused.status, 502);
    sent.push(refused, await sendSigned(newcomer));
  }
  return sent;
}

Deno.test("each request is one line of JSON, and no secret is in the log or the database", async () => {
  const { db, gateway, openrouter, encryptionKey, stack } = world;
  const sent = await sendEverything();
  const linesOf = (requestId: string) =>
    gateway.log.filter((line) => line.event === "request" && line.request_id === requestId);
  await until(
    "a line for each request",
    () => sent.every(({ requestId }) => linesOf(requestId).length > 0),
  );

  for (const { requestId, status, did } of sent) {
    const [line, ...more] = linesOf(requestId);
    assert.ok(line);
    assert.equal(more.length, 0);
    const broken = status === 502;
    assert.equal(line.status, broken && line.outcome ? null : status);
    assert.equal(line.did, did);
    assert.match(String(line.level), /^(?:info|warn|error)$/);
    assert.ok(Math.abs(Date.parse(String(line.time)) - Date.now()) < 600_000);
    assert.match(String(line.route), /^\/api\/v1\//);
    assert.ok(Number(line.ms) >= 0);
  }

  const answered = linesOf(sent[0]!.requestId)[0];
  const [row] = await db.sql`
    select model, input_tokens, output_tokens, total_cost from public.request_logs
    where id = ${sent[0]!.requestId}`;
  assert.equal(answered?.outcome, "completed");
  assert.equal(answered?.model, row?.model);
  assert.equal(answered?.input_tokens, row?.input_tokens);
  assert.equal(answered?.output_tokens, row?.output_tokens);

  const output = gateway.output();
  // In the text, because parsing rounds it to a float.
  assert.ok(output.includes(`"cost_usd":${row?.total_cost},`));

  secrets.push(
    openrouter.managementKey,
    encryptionKey,
    JSON.parse(stack.secretKeys).default,
    PROMPT,
  );
  for (const secret of secrets) assert.ok(!output.includes(secret));
  await assertNoPlaintextKey(db, output);
  assert.ok(!output.includes("sk-or-v1-"));
  assert.doesNotMatch(output, /bearer (?:ey|sk-|sb_)/i);
  assert.deepEqual(await relationsHolding(secrets), []);
});

/** The tables of which a row, as text, holds one of these. */
async function relationsHolding(texts: string[]): Promise<string[]> {
  const { sql } = world.db;
  const tables = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_catalog.pg_class as c
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace`;
  const holding: string[] = [];
  for (const { name } of tables) {
    const [found] = await sql`
      select from ${sql(name)} as t
      where exists (select from unnest(${texts}::text[]) as secret where strpos(t::text, secret) > 0)
      limit 1`;
    if (found) holding.push(name);
  }
  return holding;
}
