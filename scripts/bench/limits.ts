/**
 * What limits cost in Postgres: admissions and settlements with every limit on, one at a time, and of 64
 * clients at once, beside a database of some size: each call alone, over as many connections as a Data
 * API may have, and as a gateway sends them, those together that came together. The commits wait for the
 * disk.
 *
 * Usage: deno run -A scripts/bench/limits.ts [--dids=100000] [--rows=1000000]
 */
import { parseArgs } from "node:util";
import postgres from "postgres";
import { startStack } from "../stack/start_stack.ts";
import { ownTimes } from "./own_times.ts";
import {
  type BatchLimits,
  naturalBatches,
} from "../../supabase/functions/openrouter-proxy/concurrency/natural_batches.ts";
import {
  ADMISSIONS,
  SETTLEMENTS,
} from "../../supabase/functions/openrouter-proxy/store/batched_calls.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    dids: { type: "string", default: "100000" },
    rows: { type: "string", default: "1000000" },
  },
});
const dids = Number(options.dids);
const rows = Number(options.rows);
const TIMED_CALLS = 3_000;
const ANY_DID = `'did:key:bench-' || floor(random() * ${dids})`;
const LOAD_MS = 6_000;
const CLIENTS = 64;
const CONNECTIONS = [1, 4, 16, 64];

const stack = await startStack({ port: 0, dbPort: 0, ephemeral: true, durable: true });
const sql = postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });

/** The request of one DID among many, or of the one that everybody is. */
function admission(did: string) {
  return {
    request_id: crypto.randomUUID(),
    did,
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    model: "openai/gpt-4o-mini",
    message_hash: crypto.randomUUID().replaceAll("-", "").padEnd(64, "0"),
    message_expires_at: new Date(Date.now() + 360_000).toISOString(),
    models: ["openai/gpt-4o-mini"],
    estimate: [{ usd: "0.0001" }],
  };
}

async function fill() {
  await sql`
    select set_gateway_limits(
      daily_budget_usd => 1e6, monthly_budget_usd => 1e7, requests_per_minute => 1000000,
      default_daily_budget_usd => 1e5, default_monthly_budget_usd => 1e6,
      default_requests_per_minute => 1000000, default_concurrent_requests => 1000000,
      default_allowed_models => array['openai/*'], refused_requests_per_minute => 1000000
    )`;
  await sql`
    insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name,
      applied_credit_limit, applied_credit_limit_reset)
    select 'did:key:bench-' || i, md5(i::text), 'sealed', 'bench', 1e5, 'daily'
    from generate_series(0, ${dids}::int - 1) as i`;
  await sql`
    insert into did_policies (did, daily_budget_usd)
    select 'did:key:bench-' || i, 1e5 from generate_series(0, ${dids}::int - 1) as i`;
  await sql`
    insert into budgets (did, day, month)
    select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date
    from user_api_keys on conflict do nothing`;
  await sql`
    insert into request_logs (id, did, method, endpoint, model, request_time, response_time, status,
      total_cost, http_status, generation_id)
    select gen_random_uuid(), 'did:key:bench-' || (random() * (${dids}::int - 1))::int, 'POST',
      '/chat/completions', 'openai/gpt-4o-mini', now() - random() * interval '60 days', now(),
      'completed', 0.0001, 200, 'gen-' || i
    from generate_series(1, ${rows}::int) as i`;
  await sql`
    insert into usage_daily (did, day, model, endpoint, requests, total_cost)
    select did, (request_time at time zone 'utc')::date, model, endpoint, count(*), sum(total_cost)
    from request_logs group by 1, 2, 3, 4`;
  await sql.unsafe("vacuum analyze");
}

interface Answer {
  decision?: string;
  request_time: string;
  settled?: boolean;
}

/** What asks Postgres for one item. */
type Ask = (item: Record<string, unknown>) => Promise<Answer>;

interface Way {
  admit: Ask;
  settle: Ask;
}

/** Each call alone. */
function alone(sql: postgres.Sql): Way {
  const asking = (name: "admit_request" | "settle_request"): Ask => async (item) => {
    const [row] = await sql.unsafe(`select ${name}($1::text::jsonb) as answer`, [
      JSON.stringify(item),
    ]);
    return row!.answer;
  };
  return { admit: asking("admit_request"), settle: asking("settle_request") };
}

/** As one gateway does: those together that came while a call was under way. */
function together(sql: postgres.Sql): Way {
  const { admit, settle } = alone(sql);
  const batched = (
    one: Ask,
    name: "admit_requests" | "settle_requests",
    limits: BatchLimits,
  ): Ask =>
    naturalBatches({
      one,
      many: async (items) => {
        const [row] = await sql.unsafe(`select ${name}($1) as answers`, [JSON.stringify(items)]);
        return new Map<string, Answer>(Object.entries(row!.answers));
      },
      keyOf: (item) => String(item.request_id),
      ownerOf: (item) => String(item.did),
      mayPassAlone: () => false,
    }, limits).ask;
  return {
    admit: batched(admit, "admit_requests", ADMISSIONS),
    settle: batched(settle, "settle_requests", SETTLEMENTS),
  };
}

/** Pairs of an admission and its settlement a second, of the DIDs that `didOf` chooses. */
async function throughput(
  connections: number,
  wayOf: (sql: postgres.Sql) => Way,
  didOf: () => string,
) {
  const sql = postgres(stack.databaseUrl, { max: connections, onnotice: () => {} });
  const { admit, settle } = wayOf(sql);
  const until = performance.now() + LOAD_MS;
  let pairs = 0;
  const failures = new Map<string, number>();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (performance.now() < until) {
      const asked = admission(didOf());
      try {
        const { decision, request_time } = await admit(asked);
        if (decision !== "admitted") throw new Error(decision);
        const { settled } = await settle({
          request_id: asked.request_id,
          request_time,
          status: "completed",
          http_status: 200,
          model: "openai/gpt-4o-mini",
          input_tokens: 10,
          output_tokens: 10,
          cost: "0.00005",
          cost_source: "response",
        });
        if (!settled) throw new Error("not settled");
        pairs++;
      } catch (error) {
        const { code, message } = error as postgres.PostgresError;
        const kind = code ?? message;
        failures.set(kind, (failures.get(kind) ?? 0) + 1);
      }
    }
  }));
  await sql.end();
  return {
    pairsPerSecond: Math.round(pairs * 1000 / LOAD_MS),
    failures: [...failures].map(([kind, count]) => `${count} x ${kind}`).join(", ") || "none",
  };
}

const oneDid = () => "did:key:bench-0";
const manyDids = () => `did:key:bench-${Math.floor(Math.random() * dids)}`;

try {
  console.log(`filling a database with ${dids} DIDs and ${rows} requests`);
  await fill();
  console.log("\nown time in Postgres, every limit on, microseconds");
  console.table(await ownTimes(sql, ANY_DID, TIMED_CALLS));
  console.log(`pairs of an admission and its settlement a second, of ${CLIENTS} clients`);
  const ways = [
    ...CONNECTIONS.map((connections) => ["alone", connections, alone] as const),
    ["together", 2, together] as const,
  ];
  const table = [];
  for (const [calls, connections, wayOf] of ways) {
    for (const [name, didOf] of [["one DID", oneDid], ["all DIDs", manyDids]] as const) {
      table.push({
        DIDs: name,
        calls,
        connections,
        ...await throughput(connections, wayOf, didOf),
      });
    }
  }
  console.table(table);
} finally {
  await sql.end();
  await stack.stop();
}
