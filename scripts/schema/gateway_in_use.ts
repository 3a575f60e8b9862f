/** A gateway at work on a database of any version, by the interface that the database has then. */
import assert from "node:assert/strict";
import type postgres from "postgres";
import { type Row, rowsOf, SETTINGS, sha256, uuid } from "./gateway_rows.ts";

/** Which columns tables have, and which functions there are: `maintain()`, `settle_request(p_settlement)`. */
export interface Shape {
  tables: Record<string, string[]>;
  /** By name and first parameter. */
  functions: string[];
}

export async function readShape(sql: postgres.Sql): Promise<Shape> {
  const [shape] = await sql<[Shape]>`
    select
      (
        select jsonb_object_agg(relname, (
          select jsonb_agg(attname order by attnum) from pg_attribute
          where attrelid = class.oid and attnum > 0 and not attisdropped
        ))
        from pg_class as class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
      ) as tables,
      (
        select jsonb_agg(distinct proname || '(' || coalesce(proargnames[1], '') || ')')
        from pg_proc where pronamespace = 'public'::regnamespace
      ) as functions`;
  return { tables: shape.tables, functions: shape.functions ?? [] };
}

/** A DID that calls while some version of the database is the newest. */
export interface Caller {
  did: string;
  /** What calls that have ended cost, in USD, by their ids; null: not known. */
  costs: Map<string, string | null>;
  /** The call that is under way. */
  pending: Admitted;
}

interface Admitted {
  request_id: string;
  request_time: string;
}

/** Makes a DID's account, has it call, and does what an operator and maintenance do meanwhile. */
export async function callGateway(
  sql: postgres.Sql,
  shape: Shape,
  number: number,
): Promise<Caller> {
  const did = `did:web:version-${number}.example`;
  if (shape.functions.includes("maintain()")) await sql`select public.maintain()`;
  await enterSettings(sql, shape);
  for (const [table, row] of Object.entries(rowsOf(did, number))) {
    await insert(sql, shape, table, row);
  }
  await makeAccount(sql, did);
  const costs = new Map<string, string | null>();
  for (const { name, admitBy, ...settlement } of endedCalls(number)) {
    const admitted = await admit(sql, admitBy === "newest" ? shape : OLDEST, did, name);
    await settle(sql, shape, { ...admitted, ...settlement });
    costs.set(admitted.request_id, settlement.cost ?? null);
  }
  return { did, costs, pending: await admit(sql, shape, did, "under way") };
}

/** Settles what was under way, as a gateway does whose database is migrated meanwhile. */
export async function endPending(sql: postgres.Sql, shape: Shape, caller: Caller): Promise<void> {
  const cost = "0.25";
  await settle(sql, shape, { ...caller.pending, ...ANSWERED, cost, cost_source: "response" });
  caller.costs.set(caller.pending.request_id, cost);
}

const ANSWERED = {
  status: "completed",
  http_status: 200,
  model: "vendor/model",
  input_tokens: 5,
  output_tokens: 6,
  first_byte_ms: 250,
};

/** One whose cost is known, one whose cost is not, one that failed. */
const endedCalls = (number: number) => [
  {
    name: "known",
    admitBy: "oldest",
    ...ANSWERED,
    cost: `0.0001${number}`,
    cost_source: "response",
  },
  {
    name: "unknown",
    admitBy: "newest",
    ...ANSWERED,
    cost: undefined,
    generation_id: `gen-${number}`,
  },
  {
    name: "failed",
    admitBy: "newest",
    status: "failed",
    http_status: 502,
    error_message: "x",
    cost: "0",
  },
];

/** The interface of the first gateways, which later databases still have. */
const OLDEST: Shape = { tables: {}, functions: [] };

/** Settings that the version has a place for. */
async function enterSettings(sql: postgres.Sql, shape: Shape): Promise<void> {
  const columns = Object.keys(SETTINGS).filter((name) =>
    shape.tables.gateway_settings!.includes(name)
  );
  await sql`
    update public.gateway_settings set (${sql(columns)}) = (
      select ${sql(columns)}
      from jsonb_populate_record(null::public.gateway_settings, ${sql.json(SETTINGS as never)})
    )`;
}

/** Enters a row, as far as the version has the table and its columns; one that is there stays. */
async function insert(
  sql: postgres.Sql,
  shape: Shape,
  table: string,
  row: Row,
): Promise<void> {
  const columns = (shape.tables[table] ?? []).filter((name) => name in row);
  if (columns.length === 0) return;
  await sql`
    insert into ${sql(`public.${table}`)} (${sql(columns)})
    select ${sql(columns)}
    from jsonb_populate_record(null::${sql(`public.${table}`)}, ${sql.json(row as never)})
    on conflict do nothing`;
}

async function makeAccount(sql: postgres.Sql, did: string): Promise<void> {
  const attempt = uuid(`${did} first attempt`);
  const [claimed] = await sql`select public.claim_key_provisioning(${did}, ${attempt}) as answer`;
  assert.equal(claimed!.answer.state, "claimed");
  const [completed] = await sql`
    select public.complete_key_provisioning(
      ${did}, ${attempt}, ${sha256(did)}, ${`encrypted key of ${did}`}, ${`llm-gateway:${did}`}
    ) as done`;
  assert.equal(completed!.done, true);
}

async function admit(
  sql: postgres.Sql,
  { functions }: Shape,
  did: string,
  name: string,
): Promise<Admitted> {
  const hash = sha256(`${did} ${name}`);
  const call = {
    request_id: uuid(`${did} ${name}`),
    did,
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    model: "vendor/model",
    message_hash: hash,
    message_expires_at: "2099-01-01T00:00:00Z",
    idempotency_key: name,
    body_hash: hash,
  };
  const [{ answer }] = functions.includes("admit_request(p_admission)")
    ? await sql`select public.admit_request(${
      sql.json({
        ...call,
        models: ["vendor/model"],
        estimate: [{ usd: 0.5 }],
        session: "a session",
        label: "a label",
      })
    }) as answer` as [Row]
    : await callByNames(sql, "admit_request", call);
  assert.equal((answer as Row).decision, "admitted", JSON.stringify(answer));
  return { request_id: call.request_id, request_time: (answer as Row).request_time as string };
}

async function settle(sql: postgres.Sql, { functions }: Shape, settlement: Row): Promise<void> {
  const [{ answer }] = functions.includes("settle_request(p_settlement)")
    ? await sql`select public.settle_request(${sql.json(settlement as never)}) as answer` as [Row]
    : await callByNames(sql, "settle_request", settlement);
  assert.notEqual((answer as Row).settled, false, JSON.stringify(answer));
}

/** Calls a function with parameters that are named as the members, with p_ before them. */
async function callByNames(sql: postgres.Sql, name: string, members: Row): Promise<[Row]> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  const parameters = entries.map(([member], index) =>
    // As a Date, an instant would lose its microseconds.
    `p_${member} => $${index + 1}${/_(time|at)$/.test(member) ? "::text::timestamptz" : ""}`
  );
  return await sql.unsafe(
    `select public.${name}(${parameters.join(", ")}) as answer`,
    entries.map(([, value]) => value as string),
  ) as unknown as [Row];
}
