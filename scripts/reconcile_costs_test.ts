import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import postgres from "postgres";
import { createKeyVault } from "../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { runOperatorCommand } from "./operator/testing.ts";
import { type Simulator, startSimulator } from "./simulator/server.ts";
import { type Stack, startStack } from "./stack/start_stack.ts";

const MANAGEMENT_KEY = "sk-or-v1-management-of-the-test";
const DID = "did:key:zPays";
const ENCRYPTION_KEY = new Uint8Array(randomBytes(32));

let stack: Stack;
let sql: postgres.Sql;
let openrouter: Simulator;
/** The DID's key. */
let key: string;

Deno.test.beforeAll(async () => {
  stack = await startStack({ port: 0, dbPort: 0, ephemeral: true });
  sql = postgres(stack.databaseUrl, { max: 1 });
  openrouter = await startSimulator({ managementKey: MANAGEMENT_KEY });
  const created = await fetch(`${openrouter.url}/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
    body: JSON.stringify({ name: "of the test" }),
  });
  const { key: plaintext, data } = await created.json();
  key = plaintext;
  const sealed = await createKeyVault(ENCRYPTION_KEY, null).seal(DID, key);
  await sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values (${DID}, ${data.hash}, ${sealed}, 'n')`;
});
Deno.test.afterAll(async () => {
  await openrouter.stop();
  await sql.end();
  await stack.stop();
});
Deno.test.beforeEach(async () => {
  await sql`delete from public.request_logs`;
  await sql`delete from public.usage_daily`;
});

async function reconcile(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runOperatorCommand("reconcile.ts", ["costs", ...args], {
    DATABASE_URL: stack.databaseUrl,
    OPENROUTER_API_URL: openrouter.url,
    API_KEY_ENCRYPTION_KEY: btoa(String.fromCharCode(...ENCRYPTION_KEY)),
    ...env,
  });
  assert.ok(!(stdout + stderr).includes(key));
  return { code, lines: stdout.split("\n").slice(0, -1), stderr };
}

/** Makes a call at OpenRouter; gives its answer. */
async function called(path: string, body: object) {
  const response = await fetch(openrouter.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return await response.json();
}

/** A row as it is left when a worker ends before it knows the cost; gives its id. */
async function unpricedRow(generationId: string, endpoint: string, age = "10 minutes") {
  const id = randomUUID();
  await sql`
    insert into public.request_logs (id, did, method, endpoint, request_time)
    values (${id}, ${DID}, 'POST', ${endpoint}, now() - ${age}::interval)`;
  await sql`
    select public.settle_request(
      id, request_time, 'failed', 200, 'worker_retired: wall_clock', p_generation_id => ${generationId}
    ) from public.request_logs where id = ${id}`;
  return id;
}

const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "one two" }] };

Deno.test("reconcile costs shows what calls cost, books it once with --apply, and counts it once", async () => {
  const chat = await called("/chat/completions", CHAT);
  const video = await called("/videos", { model: "google/veo-3.1", prompt: "a cat", duration: 4 });
  const chatRow = await unpricedRow(chat.id, "/chat/completions");
  const videoRow = await unpricedRow(video.id, "/videos");
  const found = [
    `cost: ${chatRow}, ${DID}, ${chat.id}: ${chat.usage.cost} credits`,
    `cost: ${videoRow}, ${DID}, ${video.id}: 1.6 credits`,
  ];
  const total = "2 rows without a cost: OpenRouter knows that of 2";

  const shown = await reconcile([]);
  assert.deepEqual(shown, {
    code: 0,
    lines: [...found, total, "nothing was changed: --apply does"],
    stderr: "",
  });
  const applied = await reconcile(["--apply"], { OPENROUTER_USD_PER_CREDIT: "2" });
  assert.deepEqual(applied.lines, [...found.map((line) => `${line}: booked`), total]);

  const rows = await sql`
    select id, status, error_message, output_tokens::integer, cost_source, trim_scale(total_cost)::text as cost
    from public.request_logs order by endpoint`;
  const retired = { status: "failed", error_message: "worker_retired: wall_clock" };
  const reconciled = { ...retired, cost_source: "reconciliation" };
  assert.deepEqual([...rows], [
    {
      ...reconciled,
      id: chatRow,
      output_tokens: chat.usage.completion_tokens,
      cost: (chat.usage.cost * 2).toFixed(7).replace(/0+$/, ""),
    },
    { ...reconciled, id: videoRow, output_tokens: null, cost: "3.2" },
  ]);
  const [sums] = await sql`
    select sum(requests)::integer as requests, sum(failed_requests)::integer as failed,
      sum(total_cost) = (select sum(total_cost) from public.request_logs) as equal
    from public.usage_daily`;
  assert.deepEqual(sums, { requests: 2, failed: 2, equal: true });
  const { lines } = await reconcile(["--apply"]);
  assert.deepEqual(lines, ["0 rows without a cost: OpenRouter knows that of 0"]);
});

Deno.test("reconcile costs leaves what OpenRouter does not know, and what the gateway may still ask for", async () => {
  const unknown = await unpricedRow("gen-unknown", "/chat/completions");
  const { id } = await called("/chat/completions", CHAT);
  await unpricedRow(id, "/chat/completions", "1 minute");
  const { code, lines } = await reconcile(["--apply"]);
  assert.equal(code, 0);
  assert.deepEqual(lines, [
    `unknown: ${unknown}, ${DID}, gen-unknown`,
    "1 rows without a cost: OpenRouter knows that of 0",
  ]);
});

Deno.test("reconcile costs says which keys it cannot open, and goes on", async () => {
  const { id } = await called("/chat/completions", CHAT);
  const row = await unpricedRow(id, "/chat/completions");
  const { code, lines, stderr } = await reconcile(["--apply"], {
    API_KEY_ENCRYPTION_KEY: btoa(String.fromCharCode(...randomBytes(32))),
  });
  assert.equal(code, 1);
  assert.equal(lines[0], `failed: ${row}, ${DID}, ${id}`);
  assert.match(stderr, new RegExp(`^error: ${row}`, "m"));
});

Deno.test("reconcile costs names what it lacks", async () => {
  const { code, stderr } = await reconcile([], { API_KEY_ENCRYPTION_KEY: "" });
  assert.equal(code, 2);
  assert.match(stderr, /API_KEY_ENCRYPTION_KEY is not set/);
});
