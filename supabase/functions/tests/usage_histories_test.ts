/**
 * Random histories of a DID: whatever happens to its requests, and in whatever order, every total, group,
 * page and view adds up to its log. `USAGE_HISTORIES=1000` tries more of them.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { openStack, type TestStack } from "./harness/stack.ts";

const HISTORIES = Number(Deno.env.get("USAGE_HISTORIES") ?? "50");

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let stack: TestStack;
let sql: postgres.Sql;
Deno.test.beforeAll(async () => {
  stack = await openStack();
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
});
Deno.test.afterAll(async () => {
  await sql.end();
  await stack.stop();
});

/** Ages on both sides of what totals of all DIDs, views and totals of hours reach back to. */
const age = fc.oneof(
  fc.integer({ min: 0, max: 3 * HOUR_MS }),
  fc.integer({ min: 0, max: 4 * DAY_MS }),
  fc.integer({ min: 5 * DAY_MS, max: 30 * DAY_MS }),
  fc.integer({ min: 32 * DAY_MS, max: 60 * DAY_MS }),
  fc.integer({ min: 63 * DAY_MS, max: 70 * DAY_MS }),
);
const model = fc.constantFrom("a/x", "a/y", "b/z", null);
const name = fc.constantFrom("s 1", "Zoë", null);
/** Millionths of a dollar; null: not known yet. */
const cost = fc.option(fc.integer({ min: 0, max: 2_000_000 }));

const ending = fc.record({
  status: fc.constantFrom("completed", "completed", "failed"),
  http_status: fc.constantFrom(200, 200, 400, 429, 502),
  given_up: fc.boolean(),
  model,
  cost: cost.map((millionths) => millionths === null ? null : `${millionths}e-6`),
  input_tokens: fc.option(fc.nat(1000)),
  output_tokens: fc.option(fc.nat(1000)),
  first_byte_ms: fc.option(fc.nat(30_000)),
});

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ call: fc.record({ age, model, session: name, label: name }) }),
  },
  { weight: 6, arbitrary: fc.record({ end: ending, which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ endTogether: ending }) },
  { weight: 2, arbitrary: fc.record({ learn: cost, model, which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ addUpDays: fc.integer({ min: 1, max: 80 }) }) },
);

const GROUPS = ["day", "hour", "model", "endpoint", "session", "label"] as const;
const question = fc.record({
  start: fc.option(age),
  end: fc.option(age),
  groupBy: fc.subarray([...GROUPS]),
  session: fc.option(fc.constantFrom("s 1", "Zoë"), { freq: 3 }),
  label: fc.option(fc.constantFrom("s 1", "Zoë"), { freq: 3 }),
});

type Of<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;

interface Row {
  id: string;
  request_time: Date;
  status: string;
  model: string;
  endpoint: string;
  session: string | null;
  label: string | null;
  input_tokens: number;
  output_tokens: number;
  /** Null: not known. */
  millionths: bigint | null;
}

/** Lets an event happen to the requests that there are so far. */
async function happen(
  did: string,
  what: Of<typeof event>,
  calls: { id: string; time: string }[],
) {
  if ("call" in what) {
    const { call } = what;
    const one = { id: crypto.randomUUID(), time: new Date(Date.now() - call.age).toISOString() };
    await sql`
      insert into request_logs (id, did, method, endpoint, model, session, label, request_time)
      values (${one.id}, ${did}, 'POST', '/chat/completions', ${call.model}, ${call.session},
        ${call.label}, ${one.time})`;
    calls.push(one);
  } else if ("addUpDays" in what) {
    await sql`select add_up_days(${what.addUpDays})`;
  } else if (calls.length === 0) {
    return;
  } else if ("endTogether" in what) {
    const settlements = calls.map(({ id, time }) => settlementOf(id, time, what.endTogether));
    await sql`select settle_requests(${JSON.stringify(settlements)})`;
  } else {
    const { id, time } = calls[what.which % calls.length]!;
    if ("end" in what) {
      const settlement = JSON.stringify(settlementOf(id, time, what.end));
      await sql`select settle_request(${settlement}::text::jsonb)`;
    } else {
      const told = what.learn === null ? null : `${what.learn}e-6`;
      const known = { request_id: id, request_time: time, cost: told, model: what.model };
      await sql`select book_cost(${JSON.stringify(known)}::text::jsonb)`;
    }
  }
}

function settlementOf(id: string, time: string, ending: object) {
  return { request_id: id, request_time: time, ...ending };
}

async function logOf(did: string): Promise<Row[]> {
  return await sql<Row[]>`
    select log.id, request_time, status, counted_model(log) as model, endpoint, session, label,
      coalesce(input_tokens, 0)::int as input_tokens, coalesce(output_tokens, 0)::int as output_tokens,
      (total_cost * 1000000)::bigint as millionths
    from request_logs as log where did = ${did} order by request_time desc, id desc`.then((rows) =>
    rows.map((row) => ({
      ...row,
      millionths: row.millionths === null ? null : BigInt(row.millionths),
    }))
  );
}

/** What the sums over some rows are, costs in millionths. */
function sumsOf(rows: Row[]) {
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return {
    requests: rows.length,
    failed_requests: rows.filter(({ status }) => status === "failed").length,
    requests_without_cost: rows.filter(({ millionths }) => millionths === null).length,
    input_tokens: sum(rows.map((row) => row.input_tokens)),
    output_tokens: sum(rows.map((row) => row.output_tokens)),
    cost: rows.reduce((total, { millionths }) => total + (millionths ?? 0n), 0n),
  };
}

function millionthsOf(decimal: string): bigint {
  const [whole = "", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(6, "0"));
}

function keyOf(row: Row, groupBy: readonly (typeof GROUPS)[number][]): string {
  const time = row.request_time.toISOString();
  const parts = { ...row, day: time.slice(0, 10), hour: `${time.slice(0, 13)}:00:00Z` };
  return JSON.stringify(GROUPS.filter((name) => groupBy.includes(name)).map((name) => parts[name]));
}

async function assertAnswer(did: string, log: Row[], asked: Of<typeof question>) {
  const ages = [asked.start, asked.end].filter((age) => age !== null).toSorted((a, b) => b - a);
  const now = Date.now();
  const start = asked.start === null ? null : new Date(now - ages[0]!);
  const end = asked.end === null ? null : new Date(now - ages.at(-1)!);
  const [row] = await sql`
    select usage_stats(${did}, ${start}, ${end}, ${asked.groupBy}, ${asked.session}, ${asked.label})
      as answer`;
  const { answer } = row!;
  const rows = log.filter(({ status, request_time: time, session, label }) =>
    status !== "pending" && (start === null || time >= start) && (end === null || time < end) &&
    (asked.session === null || session === asked.session) &&
    (asked.label === null || label === asked.label)
  );
  const told = {
    requests: answer.total_requests,
    failed_requests: answer.failed_requests,
    requests_without_cost: answer.requests_without_cost,
    input_tokens: answer.total_input_tokens,
    output_tokens: answer.total_output_tokens,
    cost: millionthsOf(answer.total_cost),
  };
  assert.deepEqual(told, sumsOf(rows));
  assert.equal(answer.successful_requests, told.requests - told.failed_requests);
  assert.deepEqual(
    answer.requests_by_model,
    Object.fromEntries([...Map.groupBy(rows, ({ model }) => model)].map(([k, v]) => [k, v.length])),
  );

  if (asked.groupBy.length === 0) return assert.deepEqual(answer.groups, []);
  const since = answer.partial_before ? Date.parse(answer.partial_before) : -Infinity;
  assert.equal(since !== -Infinity && !asked.groupBy.includes("hour"), false);
  const whole = rows.filter(({ request_time }) => request_time.getTime() >= since);
  const groups = new Map(
    [...Map.groupBy(whole, (row) => keyOf(row, asked.groupBy))].map(([k, v]) => [k, sumsOf(v)]),
  );
  const toldGroups = new Map(
    answer.groups.map((group: Record<string, unknown>) => {
      const { cost, ...rest } = group;
      const names = GROUPS.filter((name) => asked.groupBy.includes(name));
      const sums = Object.fromEntries(
        Object.entries(rest).filter(([name]) => !(names as string[]).includes(name)),
      );
      return [JSON.stringify(names.map((name) => group[name])), {
        ...sums,
        cost: millionthsOf(String(cost)),
      }];
    }),
  );
  assert.deepEqual(toldGroups, groups);
}

async function assertPages(did: string, log: Row[], limit: number) {
  const ids = [];
  for (let after: { request_time: string; id: string } | null = null;;) {
    const [row]: postgres.Row[] = await sql`
      select usage_requests(${did}, ${limit}, ${after?.request_time ?? null}, ${after?.id ?? null})
        as page`;
    const page = row!.page as { request_time: string; id: string }[];
    if (page.length === 0) break;
    ids.push(...page.map(({ id }) => id));
    after = page.at(-1)!;
  }
  assert.deepEqual(ids, log.map(({ id }) => id));
}

/** By view: the rows that it is made of, and its key. */
async function assertViews(did: string, log: Row[]) {
  const ended = log.filter(({ status }) => status !== "pending");
  const [kept] = await sql`select usage_hourly_kept_since() as since`;
  const hours = ended.filter(({ request_time }) => request_time >= kept!.since);
  const month = ended.filter(({ request_time }) =>
    Date.now() - request_time.getTime() < 31 * DAY_MS
  );
  const views: [view: string, rows: Row[], key: string][] = [
    ["usage_by_did", ended, "did"],
    ["usage_by_did_day", ended, "day"],
    ["usage_by_did_model", ended, "model"],
    ["usage_by_did_hour", hours, "hour"],
    ["usage_by_did_session", month.filter(({ session }) => session !== null), "session"],
    ["usage_by_did_label", month.filter(({ label }) => label !== null), "label"],
  ];
  for (const [view, rows, key] of views) {
    const told = await sql`
      select coalesce(sum(requests), 0)::int as requests,
        coalesce(sum(failed_requests), 0)::int as failed_requests,
        coalesce(sum(requests_without_cost), 0)::int as requests_without_cost,
        coalesce(sum(input_tokens), 0)::int as input_tokens,
        coalesce(sum(output_tokens), 0)::int as output_tokens,
        (coalesce(sum(total_cost), 0) * 1000000)::bigint as cost,
        count(distinct ${sql(key)})::int as keys
      from ${sql(view)} where did = ${did}`;
    const { keys, cost, ...sums } = told[0]!;
    assert.deepEqual({ ...sums, cost: BigInt(cost) }, sumsOf(rows), view);
    const expected = key === "did"
      ? Math.min(rows.length, 1)
      : new Set(rows.map((row) => keyOf(row, [key as (typeof GROUPS)[number]]))).size;
    assert.equal(keys, expected, view);
  }
  const unknown = await sql`select id from usage_unknown_costs where did = ${did}`;
  assert.equal(unknown.length, ended.filter(({ millionths }) => millionths === null).length);
  // Of all DIDs, in one look.
  const unequal = await sql`
    select day, model from (
      select day, model, sum(requests) as requests, sum(total_cost) as cost
      from usage_of_days group by day, model
    ) as of_view full join (
      select day, model, sum(requests) as requests, sum(total_cost) as cost
      from usage_daily group by day, model
    ) as of_totals using (day, model)
    where (of_view.requests, of_view.cost) is distinct from (of_totals.requests, of_totals.cost)`;
  assert.deepEqual([...unequal], []);
}

Deno.test("every total, group, page and view adds up to the log, whatever happened", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 25 }),
      fc.array(question, { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      async (events, questions, limit) => {
        const did = `did:key:history-${crypto.randomUUID()}`;
        const calls: { id: string; time: string }[] = [];
        for (const what of events) await happen(did, what, calls);
        const log = await logOf(did);
        assert.deepEqual([...await sql`select * from verify_usage(p_did => ${did})`], []);
        for (const asked of questions) await assertAnswer(did, log, asked);
        await assertPages(did, log, limit);
        await assertViews(did, log);
      },
    ),
    { numRuns: HISTORIES },
  );
});
