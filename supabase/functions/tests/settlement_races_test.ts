import assert from "node:assert/strict";
import postgres from "postgres";
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

// A database of the file's own: the sweep ends whatever is pending.
Deno.test.beforeAll(async () => {
  const stack = await startFreshStack();
  running.defer(stack.stop);
  db = openDatabase(stack.databaseUrl);
  running.defer(() => db.sql.end());
  [first, second] = [connect(stack.databaseUrl), connect(stack.databaseUrl)];
});
Deno.test.afterAll(() => running.disposeAsync());

function connect(databaseUrl: string): postgres.Sql {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  running.defer(() => sql.end());
  return sql;
}

async function pid(sql: postgres.ISql): Promise<number> {
  const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return backend!.pid;
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
    await until("the second transaction to wait for the first", async () => {
      const [lock] = await db.sql<{ waits: boolean }[]>`
        select ${holder} = any(pg_blocking_pids(${waiter})) as waits`;
      return lock!.waits;
    });
    return { answer, later };
  });
  return [answer, await later];
}

async function pendingRow({ endpoint = "/chat/completions" } = {}): Promise<Pending> {
  const id = crypto.randomUUID();
  const did = `did:example:${id}`;
  const [row] = await db.sql<{ request_time: string }[]>`
    insert into public.request_logs (id, did, method, endpoint, model, request_time)
    values (${id}, ${did}, 'POST', ${endpoint}, 'asked/for', now() - interval '1 hour')
    returning request_time::text`;
  return { id, did, requestTime: row!.request_time };
}

interface Answer {
  settled: boolean;
  total_cost: string | null;
}

async function settleCompleted(
  sql: postgres.ISql,
  { id, requestTime }: Pending,
  cost: string | null = "0.5",
): Promise<Answer> {
  const [row] = await sql<{ answer: Answer }[]>`
    select public.settle_request(
      ${id}, ${requestTime}::text::timestamptz, 'completed', 200, p_model => 'answered/by',
      p_generation_id => ${id}, p_cost => ${cost}) as answer`;
  return row!.answer;
}

async function settleRetired(sql: postgres.ISql, { id, requestTime }: Pending): Promise<Answer> {
  const [row] = await sql<{ answer: Answer }[]>`
    select public.settle_request(
      ${id}, ${requestTime}::text::timestamptz, 'failed',
      p_error_message => 'worker_retired: wall_clock') as answer`;
  return row!.answer;
}

async function bookLateCost(sql: postgres.ISql, { id, did }: Pending): Promise<boolean> {
  const [row] = await sql<{ answer: boolean }[]>`
    select public.book_late_cost(${did}, ${id}, '0.5') as answer`;
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
  const settle = (sql: postgres.ISql) => settleCompleted(sql, request);
  assert.deepEqual(await race(settle, settle), [
    { settled: true, total_cost: "0.5" },
    { settled: false, total_cost: "0.5" },
  ]);
  await assertCompleted(request, "answered/by");
});

Deno.test("a job that is seen twice at the same time is booked once", async () => {
  const job = await pendingRow({ endpoint: "/videos" });
  await settleCompleted(db.sql, job, null);
  const book = (sql: postgres.ISql) => bookLateCost(sql, job);
  assert.deepEqual(await race(book, book), [true, false]);
  await assertCompleted(job, "answered/by");
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

/** A sweep that fails instead of waiting for a lock. */
async function sweepWithoutWaiting(): Promise<number> {
  return await second.begin(async (sql) => {
    await sql`set local lock_timeout = '2s'`;
    return await sweep(sql);
  });
}

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
    await settleCompleted(sql, settling);
    assert.equal(await sweepWithoutWaiting(), 1);
    assert.equal(await statusOf(other), "failed");
  });
  await assertCompleted(settling, "answered/by");
});
