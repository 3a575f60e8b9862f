/**
 * Batches of several gateways at once: budgets hold to the cent, nobody's message is accepted twice, and
 * nothing waits in a circle with whatever else writes.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { naturalBatches } from "../openrouter-proxy/concurrency/natural_batches.ts";
import { ADMISSIONS } from "../openrouter-proxy/store/batched_calls.ts";
import { openDatabase } from "./harness/database.ts";
import { setGatewayLimits, setLimits } from "./harness/limits.ts";
import { startFreshStack, type TestStack } from "./harness/stack.ts";
import { WITHOUT_LIMITS } from "../../../scripts/stack/without_limits.ts";

const GATEWAYS = 3;
const REQUESTS = Number(Deno.env.get("BATCHES_TEST_REQUESTS") ?? 600);
const OPERATIONS = Number(Deno.env.get("BATCHES_TEST_OPERATIONS") ?? 600);
const ROUNDS = Number(Deno.env.get("BATCHES_TEST_ROUNDS") ?? 20);

type Item = Record<string, unknown> & { request_id: string; did: string };
type Answer = Record<string, unknown>;

let stack: TestStack;
let db: ReturnType<typeof openDatabase>;
const connections: postgres.Sql[] = [];

Deno.test.beforeAll(async () => {
  stack = await startFreshStack();
  db = openDatabase(stack.databaseUrl);
  await db.sql.unsafe(WITHOUT_LIMITS);
});
Deno.test.afterAll(async () => {
  await Promise.all([...connections, db.sql].map((sql) => sql.end()));
  await stack.stop();
});

function connect(max: number): postgres.Sql {
  const sql = postgres(stack.databaseUrl, { max, onnotice: () => {} });
  connections.push(sql);
  return sql;
}

let dids = 0;
/** DIDs with keys, and budgets of today. */
async function newDids(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, () => `did:key:batch-${dids++}`);
  await db.sql`
    insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    select did, 'hash ' || did, 'sealed', did from unnest(${names}::text[]) as did`;
  await db.sql`
    insert into budgets (did, day, month)
    select did, (now() at time zone 'utc')::date, date_trunc('month', now() at time zone 'utc')::date
    from unnest(${[...names, "*"]}::text[]) as did on conflict do nothing`;
  return names;
}

function admission(did: string, members: Record<string, unknown> = {}): Item {
  return {
    request_id: crypto.randomUUID(),
    did,
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    model: "openai/gpt-4o-mini",
    message_hash: crypto.randomUUID().replaceAll("-", "").padEnd(64, "0"),
    message_expires_at: "2100-01-01T00:00:00Z",
    models: ["openai/gpt-4o-mini"],
    estimate: [{ usd: "0.01" }],
    ...members,
  };
}

async function admitOne(sql: postgres.Sql, item: Item): Promise<Answer> {
  const [row] = await sql`select admit_request(${JSON.stringify(item)}::text::jsonb) as told`;
  return row!.told;
}

async function admitMany(sql: postgres.Sql, items: Item[]): Promise<Record<string, Answer>> {
  const [row] = await sql`select admit_requests(${JSON.stringify(items)}) as told`;
  return row!.told;
}

/** A gateway's admissions, as its store asks for them; and how many it had decided on together. */
function gateway() {
  const sql = connect(4);
  const counted = { together: 0 };
  const { ask: admit } = naturalBatches<Item, Answer>({
    one: (item) => admitOne(sql, item),
    many: async (items) => {
      const answers = await admitMany(sql, items);
      counted.together += Object.keys(answers).length;
      return new Map(Object.entries(answers));
    },
    keyOf: ({ request_id }) => request_id,
    ownerOf: ({ did }) => did,
    mayPassAlone: () => false,
  }, ADMISSIONS);
  return { admit, counted };
}

/** Reads a row of budgets until it is stopped; gives the most that it ever held. */
function watch(did: string) {
  const sql = connect(1);
  let isOver = false;
  let most = 0;
  let reads = 0;
  const watching = (async () => {
    while (!isOver) {
      const [row] = await sql<{ held: number }[]>`
        select (day_spent_usd + day_reserved_usd)::float8 as held from budgets where did = ${did}`;
      most = Math.max(most, row!.held);
      reads++;
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return { most, reads };
  };
}

for (
  const [whose, didCount, affordable] of [
    // Fewer than go together, and more.
    ["one DID's", 1, 40],
    ["one DID's", 1, REQUESTS - 100],
    ["the gateway's", 20, 40],
    ["the gateway's", 20, REQUESTS - 100],
  ] as const
) {
  Deno.test(`${REQUESTS} admissions of ${GATEWAYS} gateways against ${whose} budget for ${affordable}`, async () => {
    const names = await newDids(didCount);
    const watched = didCount === 1 ? names[0]! : "*";
    const [held] = await db.sql<{ usd: number }[]>`
      select (day_spent_usd + day_reserved_usd)::float8 as usd from budgets where did = ${watched}`;
    const limit = (held!.usd + affordable * 0.01).toFixed(2);
    if (didCount === 1) await setLimits(db, watched, { daily_budget_usd: limit });
    else await setGatewayLimits(db, { daily_budget_usd: limit });
    const gateways = Array.from({ length: GATEWAYS }, gateway);
    const stopWatching = watch(watched);
    const asked = Array.from({ length: REQUESTS }, (_, n) => admission(names[n % didCount]!));

    const answers = await Promise.all(
      asked.map((item, n) => gateways[n % GATEWAYS]!.admit(item)),
    );

    const { most, reads } = await stopWatching();
    await db.sql`select set_gateway_limits(clear => array['daily_budget_usd'])`;
    const decided = (decision: string) =>
      answers.filter((answer) => answer.decision === decision).length;
    assert.equal(decided("admitted"), affordable);
    assert.equal(decided("budget_exceeded"), REQUESTS - affordable);
    assert.ok(reads > 0);
    assert.equal(most.toFixed(2), limit);
    const together = gateways.reduce((sum, { counted }) => sum + counted.together, 0);
    if (affordable > ADMISSIONS.atOnce * GATEWAYS) assert.ok(together > 0);
    const admitted = asked.filter((_, n) => answers[n]!.decision === "admitted");
    const ids = admitted.map(({ request_id }) => request_id).sort();
    const rows = await db.sql`
      select id from request_logs where did = any (${names}::text[]) order by id`;
    assert.deepEqual(rows.map(({ id }) => id), ids);
    const [messages] = await db.sql`
      select count(*)::integer as accepted from accepted_messages
      where encode(message_hash, 'hex') = any (${
      asked.map((item) => String(item.message_hash))
    }::text[])`;
    assert.equal(messages!.accepted, affordable);
  });
}

Deno.test("the same messages in opposite orders are accepted once each, and nobody waits in a circle", async () => {
  const names = await newDids(5);
  const senders = Array.from({ length: 4 }, () => connect(1));
  for (let round = 0; round < ROUNDS; round++) {
    const messages = Array.from({ length: 24 }, () => admission("").message_hash);
    const answers = await Promise.all(senders.map(async (sql, sender) => {
      const items = messages.map((message_hash, n) =>
        admission(names[n % names.length]!, {
          message_hash,
          idempotency_key: `key ${round} ${n}`,
          body_hash: "ab",
        })
      );
      if (sender % 2 === 1) items.reverse();
      const told = await admitMany(sql, items);
      for (const item of items) told[item.request_id] ??= await admitOne(sql, item);
      return Object.values(told);
    }));
    const decisions = answers.flat().map(({ decision }) => decision);
    assert.equal(decisions.filter((decision) => decision === "admitted").length, messages.length);
    assert.equal(decisions.filter((decision) => decision === "replayed").length, 3 * 24);
  }
});

Deno.test("batches, single calls, withdrawals and sweeps of overlapping DIDs never wait in a circle", async () => {
  const names = await newDids(8);
  /** What may be settled, withdrawn, or swept meanwhile. */
  const rows: { request_id: string; request_time: unknown }[] = [];
  const failures: string[] = [];
  const any = <T>(from: readonly T[]) => from[Math.floor(Math.random() * from.length)]!;
  const some = <T>(count: number, make: () => T) =>
    Array.from({ length: 1 + Math.floor(Math.random() * count) }, make);

  const newItem = () =>
    admission(any(names), {
      ...(Math.random() < 0.3 ? { message_hash: String(any([..."abcdef"])).repeat(64) } : {}),
      ...(Math.random() < 0.5
        ? { idempotency_key: `chaos ${Math.floor(Math.random() * 20)}`, body_hash: "ab" }
        : {}),
      metered: Math.random() < 0.9,
    });
  function note(items: Item[], told: Record<string, Answer>) {
    for (const item of items) {
      const { decision, request_time } = told[item.request_id] ?? {};
      if (decision === "admitted" && item.metered) {
        rows.push({ request_id: item.request_id, request_time });
      }
    }
  }
  const settlementOf = (row: object) => ({
    ...row,
    status: any(["completed", "failed"]),
    http_status: any([200, 400, 502]),
    cost: any(["0", "0.004", "0.01", null]),
    generation_id: crypto.randomUUID(),
    cost_source: null,
    may_be_repeated: Math.random() < 0.5,
    given_up: Math.random() < 0.2,
  });

  const operations: ((sql: postgres.Sql) => Promise<unknown>)[] = [
    async (sql) => {
      const items = some(30, newItem);
      note(items, await admitMany(sql, items));
    },
    async (sql) => {
      const item = newItem();
      note([item], { [item.request_id]: await admitOne(sql, item) });
    },
    (sql) => {
      const settled = new Map(
        some(30, () => any(rows)).filter(Boolean).map((row) => [row.request_id, row]),
      );
      return sql`select settle_requests(${
        JSON.stringify([...settled.values()].map(settlementOf))
      })`;
    },
    (sql) =>
      sql`select settle_request(${
        JSON.stringify(settlementOf(
          any(rows) ?? {
            request_id: crypto.randomUUID(),
            request_time: new Date().toISOString(),
          },
        ))
      }::text::jsonb)`,
    (sql) => sql`select withdraw_request(${any(rows)?.request_id ?? crypto.randomUUID()}::uuid)`,
    (sql) => sql`select expire_stale_requests('50 milliseconds')`,
    (sql) =>
      sql`select book_costs(${
        JSON.stringify(
          some(20, () => any(rows)).filter(Boolean).map((row) => ({
            ...row,
            cost: "0.002",
            cost_source: "generation",
          })),
        )
      }::text::jsonb)`,
    (sql) => {
      const row = any(rows);
      return row === undefined
        ? sql`select 1`
        : sql`select discard_request(${row.request_id}::uuid, ${
          String(row.request_time)
        }::timestamptz)`;
    },
    (sql) => sql`select purge_idempotency_keys()`,
  ];

  const workers = Array.from({ length: 8 }, () => connect(1));
  let left = OPERATIONS;
  await Promise.all(workers.map(async (sql) => {
    while (left-- > 0) {
      // Admissions and settlements are what comes most.
      const operate = Math.random() < 0.7 ? operations[left % 3]! : any(operations);
      await operate(sql).catch((error) => failures.push(`${error.code} ${error.message}`));
    }
  }));
  assert.deepEqual(failures, []);
  // One that book_costs has put up with counts, too; each connection tells what it saw when it ends.
  await Promise.all(workers.map((sql) => sql.end()));
  const [{ deadlocks }] = await db.sql<[{ deadlocks: number }]>`
    select deadlocks from pg_stat_database where datname = current_database()`;
  assert.equal(deadlocks, 0);

  // What stands in the books is what the rows say.
  const compared = await db.sql`
    select budget.did, trim_scale(day_spent_usd)::text as spent, trim_scale(day_reserved_usd)::text as reserved,
      requests_under_way as under_way, trim_scale(rows.cost)::text as cost, trim_scale(rows.held)::text as held,
      rows.pending, coalesce(total.requests, 0) as counted, rows.ended, trim_scale(coalesce(total.cost, 0))::text as counted_cost
    from budgets as budget
    cross join lateral (
      select coalesce(sum(total_cost), 0) as cost, coalesce(sum(reserved_usd), 0) as held,
        count(*) filter (where status = 'pending') as pending, count(*) filter (where status <> 'pending') as ended
      from request_logs where did = budget.did
    ) as rows
    left join lateral (
      select sum(requests) as requests, sum(total_cost) as cost from usage_daily where did = budget.did
    ) as total on true
    where budget.did = any (${names}::text[])`;
  assert.equal(compared.length, names.length);
  for (const row of compared) {
    assert.deepEqual(
      [row.spent, row.reserved, row.under_way, Number(row.counted), row.counted_cost],
      [row.cost, row.held, row.pending, row.ended, row.cost],
      row.did,
    );
  }
});
