import assert from "node:assert/strict";
import postgres from "postgres";
import { WITHOUT_LIMITS } from "../../../scripts/stack/without_limits.ts";
import { type Database, openDatabase } from "./harness/database.ts";
import { startFreshStack } from "./harness/stack.ts";
import { until } from "./harness/until.ts";

/** A row as admit_request leaves it, long enough ago for the sweep. */
interface Pending {
  id: string;
  did: string;
  requestTime: string;
}

const running = new AsyncDisposableStack();
let db: Database;
let first: postgres.Sql;
let second: postgres.Sql;
let databaseUrl: string;

// A database of the file's own: the sweep ends whatever is pending.
Deno.test.beforeAll(async () => {
  const stack = await startFreshStack();
  running.defer(stack.stop);
  databaseUrl = stack.databaseUrl;
  db = openDatabase(databaseUrl);
  running.defer(() => db.sql.end());
  await db.sql.unsafe(WITHOUT_LIMITS);
  [first, second] = [connect(databaseUrl), connect(databaseUrl)];
});
Deno.test.afterAll(() => running.disposeAsync());

function connect(url: string): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  running.defer(() => sql.end());
  return sql;
}

async function pid(sql: postgres.ISql): Promise<number> {
  const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return backend!.pid;
}

async function waitsFor(waiter: number, holder: number): Promise<boolean> {
  const [lock] = await db.sql<{ waits: boolean }[]>`
    select ${holder} = any(pg_blocking_pids(${waiter})) as waits`;
  return lock!.waits;
}

/**
 * Lets two transactions meet: the first one has done its work, and commits when Postgres says that the
 * second one waits for it.
 *
 * @returns what each of them answered
 */
async function race<First, Second>(
  before: (sql: postgres.ISql) => Promise<First>,
  after: (sql: postgres.ISql) => Promise<Second>,
): Promise<[First, Second]> {
  const [holder, waiter] = [await pid(first), await pid(second)];
  const { answer, later } = await first.begin(async (sql) => {
    const answer = await before(sql);
    const later = after(second);
    await until("the second transaction to wait for the first", () => waitsFor(waiter, holder));
    return { answer, later };
  });
  return [answer, await later];
}

/** @param row what matters of it; the rest is made up */
async function pendingRow(row: Partial<Pending> & { endpoint?: string } = {}): Promise<Pending> {
  const id = crypto.randomUUID();
  const { did = `did:example:${id}`, endpoint = "/chat/completions", requestTime = null } = row;
  const [inserted] = await db.sql<{ request_time: string }[]>`
    insert into public.request_logs (id, did, method, endpoint, model, request_time)
    values (${id}, ${did}, 'POST', ${endpoint}, 'asked/for',
      coalesce(${requestTime}::text::timestamptz, now() - interval '1 hour'))
    returning request_time::text`;
  return { id, did, requestTime: inserted!.request_time };
}

interface Answer {
  settled: boolean;
  total_cost: string | null;
}

async function settle(
  sql: postgres.ISql,
  { id, requestTime }: Pending,
  members: Record<string, string | boolean | null>,
): Promise<Answer> {
  const settlement = { request_id: id, request_time: requestTime, ...members };
  const [row] = await sql<{ answer: Answer }[]>`
    select public.settle_request(${sql.json(settlement)}) - 'left_out' as answer`;
  return row!.answer;
}

function settleCompleted(
  sql: postgres.ISql,
  request: Pending,
  cost: string | null = "0.5",
  model = "answered/by",
): Promise<Answer> {
  return settle(sql, request, { status: "completed", model, generation_id: request.id, cost });
}

function settleRetired(sql: postgres.ISql, request: Pending, model?: string): Promise<Answer> {
  return settle(sql, request, {
    status: "failed",
    error_message: "worker_retired: wall_clock",
    given_up: true,
    model: model ?? null,
  });
}

async function bookCost(sql: postgres.ISql, { id, did }: Pending): Promise<boolean> {
  const cost = { did, generation_id: id, cost: "0.5", cost_source: "generation" };
  const [row] = await sql<{ answer: boolean }[]>`
    select public.book_cost(${sql.json(cost)}) as answer`;
  return row!.answer;
}

async function sweep(sql: postgres.ISql): Promise<number> {
  const [row] = await sql<{ answer: number }[]>`
    select public.expire_stale_requests() as answer`;
  return row!.answer;
}

async function discard(sql: postgres.ISql, { id, requestTime }: Pending): Promise<boolean> {
  const [row] = await sql<{ answer: boolean }[]>`
    select public.discard_request(${id}, ${requestTime}::text::timestamptz) as answer`;
  return row!.answer;
}

/** Asserts that the row is the DID's only one, completed at this cost, and counted once. */
async function assertCompleted({ did }: Pending, model: string) {
  const [row] = await db.rowsOf(did);
  assert.deepEqual(
    [row?.status, row?.error_message, row?.model, row?.total_cost],
    ["completed", null, model, "0.5"],
  );
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 0, cost: "0.5" });
  const models = await db.sql`select model from public.usage_daily where did = ${did}`;
  assert.deepEqual([...models], [{ model }]);
}

Deno.test("the settlement of a worker that lives waits for the one that gives its row up, and takes its place", async () => {
  const request = await pendingRow();
  const answers = await race(
    (sql) => settleRetired(sql, request),
    (sql) => settleCompleted(sql, request),
  );
  assert.deepEqual(answers, [
    { settled: true, total_cost: null },
    { settled: true, total_cost: "0.5" },
  ]);
  await assertCompleted(request, "answered/by");
});

Deno.test("a settlement waits for the sweep that ends its row, and takes its place", async () => {
  const request = await pendingRow();
  const answers = await race(sweep, (sql) => settleCompleted(sql, request));
  assert.deepEqual(answers, [1, { settled: true, total_cost: "0.5" }]);
  await assertCompleted(request, "answered/by");
});

Deno.test("giving a row up waits for its settlement, changes nothing, and is told the cost", async () => {
  const request = await pendingRow();
  const answers = await race(
    (sql) => settleCompleted(sql, request),
    (sql) => settleRetired(sql, request),
  );
  assert.deepEqual(answers, [
    { settled: true, total_cost: "0.5" },
    { settled: false, total_cost: "0.5" },
  ]);
  await assertCompleted(request, "answered/by");
});

Deno.test("a settlement that is sent twice at the same time is counted once, and both are told the cost", async () => {
  const request = await pendingRow();
  const complete = (sql: postgres.ISql) => settleCompleted(sql, request);
  assert.deepEqual(await race(complete, complete), [
    { settled: true, total_cost: "0.5" },
    { settled: false, total_cost: "0.5" },
  ]);
  await assertCompleted(request, "answered/by");
});

Deno.test("a job that is seen twice at the same time is booked once", async () => {
  const job = await pendingRow({ endpoint: "/videos" });
  await settleCompleted(db.sql, job, null);
  const book = (sql: postgres.ISql) => bookCost(sql, job);
  assert.deepEqual(await race(book, book), [true, false]);
  await assertCompleted(job, "answered/by");
});

Deno.test("a cost that is found twice at the same time is booked once, whoever names the row", async () => {
  const request = await pendingRow();
  await settleCompleted(db.sql, request, null);
  const { id, did, requestTime } = request;
  const bookBy = (row: Record<string, string>) => async (sql: postgres.ISql) => {
    const cost = { ...row, cost: "0.5", cost_source: "generation" };
    const [told] = await sql<{ answer: boolean }[]>`
      select public.book_cost(${sql.json(cost)}) as answer`;
    return told!.answer;
  };
  const byId = bookBy({ request_id: id, request_time: requestTime });
  assert.deepEqual(await race(bookBy({ did, generation_id: id }), byId), [true, false]);
  await assertCompleted(request, "answered/by");
});

Deno.test("discarding a row waits for its settlement, and leaves it", async () => {
  const request = await pendingRow();
  const answers = await race(
    (sql) => settleCompleted(sql, request),
    (sql) => discard(sql, request),
  );
  assert.deepEqual(answers, [{ settled: true, total_cost: "0.5" }, false]);
  await assertCompleted(request, "answered/by");
});

Deno.test("a settlement waits for its row to be discarded, and counts nothing", async () => {
  const request = await pendingRow();
  const answers = await race(
    (sql) => discard(sql, request),
    (sql) => settleCompleted(sql, request),
  );
  assert.deepEqual(answers, [true, { settled: false, total_cost: null }]);
  assert.deepEqual(await db.rowsOf(request.did), []);
  assert.deepEqual(await db.booked(request.did), { requests: 0, failed: 0, cost: "0" });
});

async function statusOf({ did }: Pending): Promise<string | undefined> {
  return (await db.rowsOf(did))[0]?.status;
}

/** What the second one does, which fails instead of waiting for a lock. */
async function withoutWaiting<Done>(act: (sql: postgres.ISql) => Promise<Done>): Promise<Done> {
  return await second.begin(async (sql) => {
    await sql`set local lock_timeout = '2s'`;
    return await act(sql);
  }) as Done;
}

const sweepWithoutWaiting = () => withoutWaiting(sweep);

Deno.test("of two sweeps at once the second does nothing, not even what the first has not seen", async () => {
  const seen = await pendingRow();
  const unseen = await first.begin(async (sql) => {
    assert.equal(await sweep(sql), 1);
    const later = await pendingRow();
    assert.equal(await sweepWithoutWaiting(), 0);
    return later;
  });
  assert.deepEqual([await statusOf(seen), await statusOf(unseen)], ["failed", "pending"]);
  assert.equal(await sweep(db.sql), 1);
  assert.equal(await statusOf(unseen), "failed");
});

Deno.test("a sweep passes over a row that is being settled, and ends the others", async () => {
  const [settling, other] = [await pendingRow(), await pendingRow()];
  await first.begin(async (sql) => {
    // As far as a settlement gets before it holds the budgets, for which everybody waits.
    await sql`select from public.request_logs where id = ${settling.id} for update`;
    assert.equal(await sweepWithoutWaiting(), 1);
    assert.equal(await statusOf(other), "failed");
    await settleCompleted(sql, settling);
  });
  await assertCompleted(settling, "answered/by");
});

Deno.test("two rows that move between the same models in opposite directions do not wait for each other for ever", async () => {
  const did = `did:example:${crypto.randomUUID()}`;
  const [forth, back] = [await pendingRow({ did }), await pendingRow({ did })];
  await settleRetired(db.sql, forth, "model-a");
  await settleRetired(db.sql, back, "model-b");
  const third = connect(databaseUrl);
  const [holder, ...waiters] = await Promise.all([third, first, second].map(pid));
  const moves = await third.begin(async (sql) => {
    // Whichever totals they begin with, both get as far as these.
    await sql`select from public.usage_daily where did = ${did} and model = 'model-b' for update`;
    const backwards = settleCompleted(first, back, "1", "model-a");
    await until("one to wait", () => waitsFor(waiters[0]!, holder!));
    const forwards = settleCompleted(second, forth, "2", "model-b");
    await until(
      "the other to wait",
      async () => await waitsFor(waiters[1]!, holder!) || await waitsFor(waiters[1]!, waiters[0]!),
    );
    return [backwards, forwards];
  });
  assert.deepEqual(await Promise.all(moves), [
    { settled: true, total_cost: "1" },
    { settled: true, total_cost: "2" },
  ]);
  const totals = await db.sql`
    select model, requests::integer, total_cost::text from public.usage_daily
    where did = ${did} order by model`;
  assert.deepEqual([...totals], [
    { model: "model-a", requests: 1, total_cost: "1" },
    { model: "model-b", requests: 1, total_cost: "2" },
  ]);
});

Deno.test("a settlement whose row is moved to a partition of its own meanwhile finds it there", async () => {
  const request = await pendingRow({ requestTime: "2020-02-15 12:00:00+00" });
  const move = async (sql: postgres.ISql) => {
    await sql`create table partitions.request_logs_2020_02 (like public.request_logs including all)`;
    await sql`
      with moved as (
        delete from partitions.request_logs_default where id = ${request.id} returning *
      )
      insert into partitions.request_logs_2020_02 select * from moved`;
    await sql`
      alter table public.request_logs attach partition partitions.request_logs_2020_02
      for values from ('2020-02-01 00:00:00+00') to ('2020-03-01 00:00:00+00')`;
  };
  const [, answer] = await race(move, (sql) => settleCompleted(sql, request));
  assert.deepEqual(answer, { settled: true, total_cost: "0.5" });
  await assertCompleted(request, "answered/by");
});

Deno.test("a call that comes in and ends while its DID is erased is erased with its sums", async () => {
  const did = `did:key:${crypto.randomUUID()}`;
  await settleCompleted(db.sql, await pendingRow({ did }), "0.25");
  const [holder, waiter] = [await pid(first), await pid(second)];
  const { erasing } = await first.begin(async (sql) => {
    // Whoever settles holds it to the end.
    await sql`select public.lock_usage(${did})`;
    const erasing = second<{ pseudonym: string }[]>`
      select public.erase_did(${did}) as pseudonym`.execute();
    await until("the erasure to wait", () => waitsFor(waiter, holder));
    await settleCompleted(sql, await pendingRow({ did }));
    return { erasing };
  });
  const { pseudonym } = (await erasing)[0]!;
  assert.deepEqual([await db.rowsOf(did), await db.booked(did)], [
    [],
    { requests: 0, failed: 0, cost: "0" },
  ]);
  assert.deepEqual(await db.booked(pseudonym), { requests: 2, failed: 0, cost: "0.75" });
  assert.deepEqual([...await db.sql`select * from public.verify_usage(p_did => ${pseudonym})`], []);
});

/** What maintenance knows of a DID whose costs it compares. */
async function compared(): Promise<string> {
  const id = crypto.randomUUID();
  const did = `did:key:${id}`;
  await db.sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values (${did}, ${id}, 'sealed', 'x')`;
  await db.sql`
    insert into public.key_usages (openrouter_key_hash, did, usage, read_at)
    values (${id}, ${did}, 1, now())`;
  return did;
}

Deno.test("a DID whose costs are to be compared while it is erased is left for another run", async () => {
  const did = await compared();
  const claimed = await first.begin(async (sql) => {
    await sql`select public.erase_did(${did})`;
    const [row] = await second<{ answer: { checks: { did: string }[] } }[]>`
      select public.claim_cost_checks(10000) as answer`;
    return row!.answer.checks.map((check) => check.did);
  });
  assert.ok(!claimed.includes(did));
  assert.equal((await db.sql`select from public.cost_checks where did = ${did}`).length, 0);
});

Deno.test("a part that is found of a DID's call while it is erased is not noted", async () => {
  const did = await compared();
  await race(
    (sql) => sql`select public.erase_did(${did})`,
    (sql) => sql`select public.note_parts(${did}, '{gen-part}')`.execute(),
  );
  assert.equal((await db.sql`select from public.found_generations where did = ${did}`).length, 0);
});

/** A call of a DID that may be admitted. */
async function admissible(): Promise<Pick<Pending, "id" | "did">> {
  const request = { id: crypto.randomUUID(), did: `did:example:${crypto.randomUUID()}` };
  await db.sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values (${request.did}, ${request.id}, 'sealed', 'x')`;
  return request;
}

async function admit(
  sql: postgres.ISql,
  { id, did }: Pick<Pending, "id" | "did">,
): Promise<string> {
  const [row] = await sql<{ decision: string }[]>`
    select public.admit_request(${id}, ${did}, 'POST', '/x', true) ->> 'decision' as decision`;
  return row!.decision;
}

Deno.test("of two admissions with one id at the same time, one is booked", async () => {
  const request = await admissible();
  const refused = (sql: postgres.ISql) =>
    admit(sql, request).catch((error: postgres.PostgresError) => error.code);
  assert.deepEqual(await race((sql) => admit(sql, request), refused), ["admitted", "23505"]);
  assert.equal((await db.rowsOf(request.did)).length, 1);
});

Deno.test("while the totals of a DID are counted, its settlements wait, and its admissions do not", async () => {
  const { did, ...request } = await admissible();
  const ended = await pendingRow({ did });
  const [admitted, settled] = await race(
    async (sql) => {
      await sql`select public.lock_usage(${did})`;
      return await withoutWaiting((sql) => admit(sql, { did, ...request }));
    },
    (sql) => settleCompleted(sql, ended),
  );
  assert.deepEqual([admitted, settled], ["admitted", { settled: true, total_cost: "0.5" }]);
});

for (const asked of ["never", "before"]) {
  Deno.test(`two that claim rows without a cost, asked for ${asked}, at the same time claim different ones`, async () => {
    const ended = [await pendingRow(), await pendingRow()];
    for (const row of ended) await settleCompleted(db.sql, row, null);
    await db.sql`
      update public.request_logs set response_time = now() - interval '1 minute',
        cost_ask_after = case when ${asked === "before"} then now() - interval '1 minute' end
      where id in ${db.sql(ended.map(({ id }) => id))}`;
    const claim = async (sql: postgres.ISql, limit: number) => {
      const [row] = await sql<{ answer: { requests: { request_id: string }[] } }[]>`
        select public.claim_unpriced_requests(${limit}) as answer`;
      return row!.answer.requests.map(({ request_id }) => request_id);
    };
    const claimed = await first.begin(async (sql) => [
      ...await claim(sql, 1),
      ...await withoutWaiting((sql) => claim(sql, 100)),
    ]);
    assert.deepEqual(claimed.sort(), ended.map(({ id }) => id).sort());
    for (const row of ended) assert.equal(await bookCost(db.sql, row), true);
  });
}

/** Two rows of a DID without a cost that were given up long ago, and for which something is reserved. */
async function endedRows(did: string): Promise<[Pending, Pending]> {
  const ended = [await pendingRow({ did }), await pendingRow({ did })] as const;
  for (const row of ended) await settleCompleted(db.sql, row, null);
  await db.sql`
    update public.request_logs
    set response_time = now() - interval '2 hours', given_up = true, reserved_usd = 0.5
    where did = ${did}`;
  return [...ended];
}

Deno.test("a sweep frees what is reserved for ended rows, but for one that is being priced", async () => {
  const [pricing, other] = await endedRows("did:example:reserved");
  const reserved = () =>
    db.sql`select id, reserved_usd::float as usd from public.request_logs where did = ${other.did} order by usd`;
  await first.begin(async (sql) => {
    await sql`select from public.request_logs where id = ${pricing.id} for update`;
    assert.equal(await sweepWithoutWaiting(), 0);
    assert.deepEqual([...await reserved()], [{ id: other.id, usd: 0 }, {
      id: pricing.id,
      usd: 0.5,
    }]);
  });
  await sweep(db.sql);
  assert.deepEqual((await reserved()).map(({ usd }) => usd), [0, 0]);
  for (const row of [pricing, other]) await bookCost(db.sql, row);
});

Deno.test("sums that are equal price what is unknown, but for a row that is being priced", async () => {
  const did = "did:example:equal";
  const [pricing, other] = await endedRows(did);
  await db.sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values (${did}, 'hash of equal', 'sealed', 'equal')`;
  await first.begin(async (sql) => {
    await sql`select from public.request_logs where id = ${pricing.id} for update`;
    const keys = [{ hash: "hash of equal", usage: "0", byok_usage: "0", is_gone: false }];
    const state = await withoutWaiting(async (sql) => {
      const [row] = await sql<{ state: string }[]>`
        select public.compare_costs(${did}, '1', ${sql.json(keys)}) ->> 'state' as state`;
      return row!.state;
    });
    assert.equal(state, "equal");
  });
  const costs = await db
    .sql`select id, total_cost from public.request_logs where did = ${did} order by total_cost`;
  assert.deepEqual([...costs], [{ id: other.id, total_cost: "0" }, {
    id: pricing.id,
    total_cost: null,
  }]);
  await bookCost(db.sql, pricing);
});

Deno.test("who books several costs locks their rows in their order, and none before one that another has", async () => {
  const [early, late] = await endedRows("did:example:order");
  const [holder, waiter] = [await pid(first), await pid(second)];
  await db.sql`
    update public.request_logs set request_time = request_time - interval '1 minute' where id = ${early.id}`;
  const costs = await db.sql`
    select id as request_id, request_time::text, '1' as cost from public.request_logs
    where did = ${early.did} order by request_time desc`;
  assert.deepEqual(costs.map(({ request_id }) => request_id), [late.id, early.id]);
  const booked = await first.begin(async (sql) => {
    await sql`select from public.request_logs where id = ${early.id} for update`;
    const booking = second`select public.book_costs(${second.json([...costs])}) as count`.execute();
    await until("the second to wait for the first row", () => waitsFor(waiter, holder));
    await db.sql`select from public.request_logs where id = ${late.id} for update nowait`;
    return { booking };
  });
  assert.deepEqual([...await booked.booking], [{ count: 2 }]);
});
