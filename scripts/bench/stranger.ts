/**
 * What a stranger can cost: one who makes new DIDs as fast as the machine allows, and asks of a gateway
 * with the limits that it comes with for whatever is dear. OpenRouter is simulated.
 *
 * Exits with 1 where the dollars or the keys exceed what the limits promise: daily_budget_usd, beside what
 * calls cost above what was reserved for them where their estimate says that it is no bound;
 * new_accounts_per_day, and new_accounts_per_minute of them at once and in each minute.
 *
 * Usage: deno run -A scripts/bench/stranger.ts [--seconds=60] [--clients=24]
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { createDidToken, createIdentity, type Identity } from "../client/llm_gateway.ts";
import { requestMaintenance } from "../operator/maintenance_client.ts";
import type { SimulatorLedger } from "../simulator/control.ts";
import { startProcess } from "./process.ts";
import { type Trick, TRICKS } from "./tricks.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "24" },
  },
});
const SECONDS = Number(options.seconds);
const CLIENTS = Number(options.clients);
const AUDIENCE = "https://bench.example";
/** A DID is used for so many calls, and then made anew. */
const CALLS_PER_DID = 3;

await using stack = await startProcess("scripts/stack.ts", {
  PORT: "0",
  DB_PORT: "0",
  EPHEMERAL: "1",
});
await using simulator = await startProcess("scripts/simulator.ts", {
  PORT: "0",
  OPENROUTER_PROVISIONING_KEY: "management",
});
const openrouterUrl = simulator.printed("OPENROUTER_API_URL");
await using gateway = await startProcess("scripts/serve.ts", {
  PORT: "0",
  SUPABASE_URL: stack.printed("SUPABASE_URL"),
  SUPABASE_SECRET_KEYS: stack.printed("SUPABASE_SECRET_KEYS"),
  OPENROUTER_API_URL: openrouterUrl,
  OPENROUTER_PROVISIONING_KEY: "management",
  API_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
  GATEWAY_AUDIENCE: AUDIENCE,
});
const sql = postgres(stack.printed("DATABASE_URL"), { max: 2, onnotice: () => {} });

async function ledger(): Promise<SimulatorLedger> {
  return await (await fetch(new URL("/simulator/ledger", openrouterUrl))).json();
}

/** Of all tables that calls write to, in bytes, once what is dead is gone. */
async function databaseBytes(): Promise<number> {
  await sql`vacuum full`;
  const [row] = await sql<{ bytes: string }[]>`
    select sum(pg_total_relation_size(oid))::text as bytes from pg_catalog.pg_class
    where relkind = 'r' and relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)`;
  return Number(row!.bytes);
}

/** Seconds of CPU of a process, and of its children where they are asked for; null without proc(5). */
function cpuSeconds(pid: number, withChildren = false): number | null {
  if (Deno.build.os !== "linux") return null;
  const fieldsOf = (one: number | string): number[] => {
    const stat = Deno.readTextFileSync(`/proc/${one}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 4).split(" ").map(Number);
  };
  // Of proc(5): 4 is the parent; 14 and 15 are its own ticks, 16 and 17 those of children that ended.
  const ticks = (fields: number[]) => fields.slice(10, 14).reduce((sum, one) => sum + one, 0);
  let sum = ticks(fieldsOf(pid));
  for (const { name } of withChildren ? Deno.readDirSync("/proc") : []) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = fieldsOf(name);
      if (fields[0] === pid) sum += fields.slice(10, 12).reduce((a, b) => a + b, 0);
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return sum / 100;
}

/** The postmaster, whose children serve the connections. */
async function postmaster(): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return Number(/^PPid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${row!.pid}/status`))?.[1]);
}

const outcomes = new Map<string, Map<string, number>>();
function count(trick: string, outcome: string) {
  const counts = outcomes.get(trick) ?? new Map<string, number>();
  outcomes.set(trick, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
}

async function play(trick: Trick, token: string): Promise<void> {
  const { name, path, body, leaves, faults } = trick;
  const leaving = new AbortController();
  try {
    const answer = await fetch(`${gateway.printed("GATEWAY_URL")}/api/v1/openrouter/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...(faults ? { "x-openrouter-simulate": faults } : {}),
      },
      body: JSON.stringify(body()),
      signal: leaving.signal,
    });
    count(name, String(answer.status));
    if (leaves && answer.ok) {
      await answer.body!.getReader().read();
      leaving.abort();
    } else {
      await answer.arrayBuffer();
    }
  } catch (error) {
    if (!leaving.signal.aborted) count(name, (error as Error).name);
  }
}

const tokenOf = (identity: Identity) => createDidToken(identity, { audience: AUDIENCE });
// What a gateway has of its own, before any stranger comes: prices, and a partition of the log.
await play(TRICKS[2]!, await tokenOf(await createIdentity()));
outcomes.clear();

const [settings] = await sql<{
  daily_budget_usd: string;
  new_accounts_per_day: number;
  new_accounts_per_minute: number;
}[]>`select daily_budget_usd, new_accounts_per_day, new_accounts_per_minute from gateway_settings`;
const bytesBefore = await databaseBytes();
const postgresPid = await postmaster();
const cpuBefore = [
  cpuSeconds(gateway.pid),
  postgresPid === null ? null : cpuSeconds(postgresPid, true),
];
const start = performance.now();
const end = start + SECONDS * 1000;
let dids = 0;
let turn = 0;
await Promise.all(Array.from({ length: CLIENTS }, async () => {
  while (performance.now() < end) {
    const token = await tokenOf(await createIdentity());
    dids++;
    for (let n = 0; n < CALLS_PER_DID && performance.now() < end; n++) {
      await play(TRICKS[turn++ % TRICKS.length]!, token);
    }
  }
}));
const seconds = (performance.now() - start) / 1000;
const cpuAfter = [
  cpuSeconds(gateway.pid),
  postgresPid === null ? null : cpuSeconds(postgresPid, true),
];
// What was aborted is charged, and booked, a moment later; what videos cost, maintenance learns.
for (let n = 0; n < 100 && (await ledger()).requests.in_flight > 0; n++) {
  await sleep(100);
}
await sleep(2_000);
// Time, without waiting for it.
await sql`
  update request_logs set response_time = response_time - interval '10 minutes'
  where total_cost is null`;
await requestMaintenance({
  gatewayUrl: gateway.printed("GATEWAY_URL"),
  secretKey: JSON.parse(stack.printed("SUPABASE_SECRET_KEYS")).default,
});

const calls = [...outcomes.values()].flatMap((counts) => [...counts.values()])
  .reduce((sum, one) => sum + one, 0);
const { keys, total_cost } = await ledger();
/** What rows cost above what was reserved for them, where it is known, by the endpoint. */
const excess = await sql<{ endpoint: string; admitted: number; unknown: number; above: string }[]>`
  select endpoint, count(*)::integer as admitted,
    count(*) filter (where total_cost is null)::integer as unknown,
    trim_scale(coalesce(sum(greatest(total_cost - estimate_usd, 0)), 0))::text as above
  from request_logs group by endpoint order by endpoint`;
const bytes = await databaseBytes() - bytesBefore;
const mostUsd = Number(settings!.daily_budget_usd) +
  excess.reduce((sum, { above }) => sum + Number(above), 0);
const mostKeys = Math.min(
  settings!.new_accounts_per_day,
  Math.ceil(settings!.new_accounts_per_minute * (1 + seconds / 60)) + 1,
);

console.table([...outcomes].map(([trick, counts]) => ({
  trick,
  ...Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b))),
})));
console.log(`calls                ${calls} of ${dids} DIDs, ${Math.round(calls / seconds)} /s`);
for (const { endpoint, admitted, unknown, above } of excess) {
  console.log(
    `admitted             ${admitted} of ${endpoint}, $${above} above what was reserved, ` +
      `${unknown} of unknown cost`,
  );
}
console.log(`charged by OpenRouter $${total_cost}, at most $${mostUsd}`);
console.log(`keys made            ${keys.length}, at most ${mostKeys}`);
for (const [index, name] of ["gateway", "Postgres"].entries()) {
  const [before, after] = [cpuBefore[index], cpuAfter[index]];
  if (before == null || after == null) continue;
  const ms = ((after - before) * 1000 / calls).toFixed(2);
  console.log(`CPU of ${name.padEnd(8)}      ${(after - before).toFixed(1)} s, ${ms} ms a call`);
}
console.log(`database             ${bytes} bytes more, ${Math.round(bytes / calls)} a call`);
await sql.end();

const excesses = [
  ...Number(total_cost) > mostUsd ? ["dollars"] : [],
  ...keys.length > mostKeys ? ["keys"] : [],
];
if (excesses.length > 0) {
  console.error(`error: more ${excesses.join(" and ")} than the limits promise`);
  Deno.exitCode = 1;
}
