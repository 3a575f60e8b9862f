/**
 * Whatever comes together is decided, booked and settled as if each had come alone: random calls of DIDs
 * with random limits, in batches of random sizes, against the same ones one after the other.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { openStack, type TestStack } from "./harness/stack.ts";

const RUNS = Number(Deno.env.get("BATCHES_TEST_RUNS") ?? 10);
/** Whoever looks for more than the committed runs takes another one. */
const SEED = Number(Deno.env.get("BATCHES_TEST_SEED") ?? 20261128);

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

/** The DIDs of one run; the last has no account. */
const DIDS = ["alice", "bob", "carol", "blocked", "disabled", "nobody"];

/** What each call runs as: failures are answers, and undo only their own call. */
const HELPERS = `
create function pg_temp.admit(items jsonb, at timestamptz) returns jsonb language plpgsql as $$
declare
  v_asked public.admission[] := array(
    select asked from jsonb_populate_recordset(null::public.admission, items) as asked
  );
begin
  if cardinality(v_asked) > 1 then
    return public.enter_admissions(v_asked, at);
  end if;
  return jsonb_build_object(v_asked[1].request_id, public.enter_admission(v_asked[1], at));
exception when others then
  return jsonb_build_object('failed', sqlstate);
end $$;

create function pg_temp.settle(items jsonb) returns jsonb language plpgsql as $$
begin
  if jsonb_array_length(items) > 1 then
    return public.settle_requests(items::text);
  end if;
  return jsonb_build_object(items -> 0 ->> 'request_id', public.settle_request(items -> 0));
exception when others then
  return jsonb_build_object('failed', sqlstate);
end $$;

create function pg_temp.state(p_dids text[]) returns jsonb language sql as $$
  select jsonb_build_object(
    'log', (select jsonb_agg(to_jsonb(log) || jsonb_build_object('response_time', response_time is not null) order by id, request_time) from public.request_logs as log where did = any (p_dids)),
    'messages', (select jsonb_agg(message_hash order by message_hash) from public.accepted_messages where expires_at = '2100-01-01'),
    'keys', (select jsonb_agg(to_jsonb(key) order by request_id) from public.idempotency_keys as key where did = any (p_dids)),
    'usage', (select jsonb_agg(to_jsonb(total) order by did, day, model, endpoint) from public.usage_daily as total where did = any (p_dids)),
    'budgets', (select jsonb_agg(to_jsonb(budget) order by did) from public.budgets as budget where did = any (p_dids) or did = '*'),
    'alerts', (select jsonb_agg(jsonb_build_array(did, kind, period_start, threshold) order by did, kind, period_start, threshold) from public.budget_alerts where did = any (p_dids) or did = '*')
  );
$$`;

type Json = Record<string, unknown>;

/** A limit, or none. */
const limit = (...values: number[]) => fc.constantFrom(null, null, null, ...values);
/** This, once in so many times; else that. */
const rarely = <T>(times: number, rare: T, usual: T) =>
  fc.integer({ min: 1, max: times }).map((n) => n === 1 ? rare : usual);

const limitsOfDid = fc.record({
  daily_budget_usd: limit(0, 0.3, 0.7, 2),
  monthly_budget_usd: limit(0.5, 1, 3),
  requests_per_minute: limit(1, 7, 30, 60),
  concurrent_requests: limit(4, 12, 30),
  allowed_models: rarely(4, ["openai/*"], null),
});
const limitsOfGateway = fc.record({
  daily_budget_usd: limit(1, 3),
  monthly_budget_usd: limit(2, 4),
  requests_per_minute: limit(20, 60),
  refused_requests_per_minute: limit(1, 4, 20),
});

/** A request to admit: few messages, keys and ids, so that they meet. */
const admission = fc.record({
  kind: fc.constant("admit" as const),
  id: fc.oneof(
    { weight: 60, arbitrary: fc.integer({ min: 100, max: 999_999_999 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
  ),
  did: fc.constantFrom(...DIDS, "alice", "alice", "bob", "bob", "carol"),
  metered: rarely(5, false, true),
  message: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 200 })),
  idempotencyKey: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 60 })),
  model: rarely(8, "x-ai/grok-4", "openai/gpt-4o-mini"),
  tools: fc.oneof(
    { weight: 20, arbitrary: fc.constant<string[]>([]) },
    { weight: 3, arbitrary: fc.constant(["web_search"]) },
    { weight: 1, arbitrary: fc.constant(["shell"]) },
  ),
  free: rarely(20, true, false),
  usd: fc.oneof(
    { weight: 150, arbitrary: fc.constantFrom("0.01", "0.01", "0.02", "0.037", "0") },
    { weight: 1, arbitrary: fc.constant("NaN") },
  ),
});

/** The end of one of those admitted before; `nth` counts them. */
const settlement = fc.record({
  kind: fc.constant("settle" as const),
  nth: fc.nat(200),
  status: rarely(4, "failed", "completed"),
  http_status: fc.constantFrom(200, 200, 400, 404, 429, 502, null),
  cost: fc.constantFrom("0", "0.01", "0.2", "0.000123", null),
  bad: rarely(150, true, false),
  given_up: rarely(5, true, false),
  may_be_repeated: fc.boolean(),
  output_tokens: fc.constantFrom(1, 7, null),
});

type Asked = typeof admission extends fc.Arbitrary<infer A> ? A : never;
type Ended = typeof settlement extends fc.Arbitrary<infer S> ? S : never;

const steps = fc.array(
  fc.record({
    /** Seconds after the step before; the first is ten before midnight. */
    later: fc.constantFrom(0, 0, 1, 4),
    items: fc.oneof(
      { weight: 3, arbitrary: fc.array(admission, { minLength: 1, maxLength: 30, size: "max" }) },
      { weight: 2, arbitrary: fc.array(settlement, { minLength: 1, maxLength: 24, size: "max" }) },
    ) as fc.Arbitrary<(Asked | Ended)[]>,
  }),
  { minLength: 1, maxLength: 8, size: "max" },
);

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

Deno.test("together calls come to the same as each alone", async () => {
  let admittedTogether = 0;
  let settledTogether = 0;
  let alone = 0;

  const property = fc.asyncProperty(
    fc.array(limitsOfDid, { minLength: 3, maxLength: 3 }),
    limitsOfGateway,
    steps,
    async (limits, gateway, steps) => {
      const run = crypto.randomUUID();
      const didOf = (name: string) => `did:key:${name}-${run}`;
      const dids = DIDS.map(didOf);
      await sql.begin(async (sql) => {
        const rows = <Row>(query: string, ...values: unknown[]) =>
          sql.unsafe(query, values as string[]) as unknown as Promise<Row[]>;
        await rows("select public.lock_budget('*')");
        await sql.unsafe(HELPERS);
        await rows(
          `insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name, status)
          select did, 'hash ' || did, 'sealed', did, case when did like '%disabled%' then 'disabled' else 'active' end
          from unnest($1::text[]) as did where did not like '%nobody%'`,
          dids,
        );
        await rows(
          `insert into public.did_policies (did, daily_budget_usd, monthly_budget_usd, requests_per_minute, concurrent_requests, allowed_models)
          select $1 || did || $2, daily_budget_usd, monthly_budget_usd, requests_per_minute, concurrent_requests, allowed_models
          from jsonb_to_recordset($3::text::jsonb) as given (did text, daily_budget_usd numeric, monthly_budget_usd numeric, requests_per_minute integer, concurrent_requests integer, allowed_models text[])`,
          "did:key:",
          `-${run}`,
          JSON.stringify(limits.map((given, index) => ({ did: DIDS[index], ...given }))),
        );
        await rows("select public.block_did($1)", didOf("blocked"));
        await rows("delete from public.budgets where did = '*'");
        await rows(
          `update public.gateway_settings set daily_budget_usd = $1::numeric, monthly_budget_usd = $2::numeric,
          requests_per_minute = $3, refused_requests_per_minute = $4`,
          ...Object.values(gateway),
        );
        const [midnight] = await rows<{ ms: number }>(
          `select extract(epoch from ((now() at time zone 'utc')::date + 1)::timestamp
            at time zone 'utc')::float8 * 1000 as ms`,
        );
        const startMs = midnight!.ms - 10_000;

        const itemOf = (asked: Asked) => ({
          request_id: uuid(asked.id),
          did: didOf(asked.did),
          method: "POST",
          endpoint: "/chat/completions",
          metered: asked.metered,
          model: asked.model,
          models: [asked.model],
          server_tools: asked.tools,
          shared_features: [],
          owned_generations: [],
          free_model: asked.free,
          may_lack_key: true,
          estimate: [{ usd: asked.usd }],
          message_hash: asked.message === null
            ? null
            : `${run.replaceAll("-", "")}${String(asked.message).padStart(32, "0")}`,
          message_expires_at: "2100-01-01T00:00:00Z",
          idempotency_key: asked.idempotencyKey === null ? null : `key ${asked.idempotencyKey}`,
          body_hash: "ab",
        });

        /** A call for these items; its answers by id, or a failure. */
        async function call(kind: "admit" | "settle", items: Json[], atMs: number): Promise<Json> {
          const [row] = kind === "admit"
            ? await rows<{ told: Json }>(
              "select pg_temp.admit($1::text::jsonb, $2) as told",
              JSON.stringify(items),
              new Date(atMs).toISOString(),
            )
            : await rows<{ told: Json }>(
              "select pg_temp.settle($1::text::jsonb) as told",
              JSON.stringify(items),
            );
          return row!.told;
        }

        /** What the calls of a way are, in the order in which they were decided, and their decisions. */
        const order: { kind: "admit" | "settle"; items: Json[]; atMs: number }[] = [];
        const decisions: unknown[] = [];
        const admitted: { id: unknown; time: unknown }[] = [];
        const decisionOf = (told: Json, item: Json) =>
          told.failed ?? (told[item.request_id as string] as Json | undefined)?.decision ??
            (told[item.request_id as string] as Json | undefined)?.total_cost ??
            (told[item.request_id as string] as Json | undefined)?.settled;

        await sql.unsafe("savepoint before");
        let atMs = startMs;
        for (const { later, items: given } of steps) {
          atMs += later * 1000;
          const { kind } = given[0]!;
          const unique = new Map<string, Json>();
          for (const one of given) {
            if (one.kind === "admit") unique.set(crypto.randomUUID(), itemOf(one));
            else {
              const row = admitted.length === 0 ? null : admitted[one.nth % admitted.length]!;
              if (row === null) continue;
              const { kind: _, nth: __, bad, ...members } = one;
              unique.set(String(row.id), {
                ...members,
                request_id: row.id,
                request_time: row.time,
                cost_source: one.cost === null ? null : "response",
                ...(bad ? { http_status: 99_999 } : {}),
              });
            }
          }
          const items = [...unique.values()];
          if (items.length === 0) continue;
          const note = (told: Json, item: Json) => {
            const answer = told[item.request_id as string] as Json | undefined;
            if (kind === "admit" && item.metered && answer?.decision === "admitted") {
              admitted.push({ id: item.request_id, time: answer.request_time });
            }
          };
          let left = items;
          if (items.length > 1) {
            const told = await call(kind, items, atMs);
            const isDone = (item: Json) => Object.hasOwn(told, item.request_id as string);
            // Of two with one id neither is admitted together.
            const done = items.filter(isDone);
            left = items.filter((item) => !isDone(item));
            if (kind === "admit") admittedTogether += done.length;
            else settledTogether += done.length;
            for (const item of done) {
              order.push({ kind, items: [item], atMs });
              decisions.push(decisionOf(told, item));
              note(told, item);
            }
          }
          for (const item of left) {
            alone++;
            const told = await call(kind, [item], atMs);
            order.push({ kind, items: [item], atMs });
            decisions.push(decisionOf(told, item));
            note(told, item);
          }
        }
        const [{ state }] = await rows<{ state: Json }>(
          "select pg_temp.state($1::text[]) as state",
          dids,
        ) as [{ state: Json }];

        await sql.unsafe("rollback to savepoint before");
        const decisionsAlone: unknown[] = [];
        for (const { kind, items, atMs } of order) {
          decisionsAlone.push(decisionOf(await call(kind, items, atMs), items[0]!));
        }
        const [{ state: stateAlone }] = await rows<{ state: Json }>(
          "select pg_temp.state($1::text[]) as state",
          dids,
        ) as [{ state: Json }];
        assert.deepEqual(decisions, decisionsAlone);
        assert.deepEqual(state, stateAlone);
        await sql.unsafe("rollback to savepoint before");
        throw UNDO;
      }).catch((error) => {
        if (error !== UNDO) throw error;
      });
    },
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  console.log(
    `  ${admittedTogether} admitted and ${settledTogether} settled together, ${alone} alone`,
  );
  assert.ok(admittedTogether > 0 && settledTogether > 0 && alone > 0);
});

/** Ends a transaction without a trace. */
const UNDO = new Error("undo");
