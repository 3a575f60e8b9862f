/**
 * Each call is decided as a small model of the limits decides: random calls, ends and limits of DIDs and of
 * all together, one after the other.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import postgres from "postgres";
import { dayOf, LimitsModel, type ModelCall } from "./harness/limits_model.ts";
import { openStack, type TestStack } from "./harness/stack.ts";

const RUNS = Number(Deno.env.get("LIMITS_TEST_RUNS") ?? 5);
/** Whoever looks for more than the committed runs takes another one. */
const SEED = Number(Deno.env.get("LIMITS_TEST_SEED") ?? 20261128);

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

/** Ends a story's transaction, so that the next one begins with nothing. */
const UNDO = new Error("undo");

/** What happens to limits and calls, one after the other; a call that ends is one of those before. */
const happening = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("call" as const),
      did: fc.constantFrom("a", "b"),
      micros: fc.constantFrom(0n, 1n, 100_000n, 100_000n, 300_000n, 1_000_001n),
      isFree: fc.nat(5).map((n) => n === 0),
      /** Between it and what was before. */
      laterMicros: fc.constantFrom(
        0n,
        0n,
        1n,
        999_999n,
        8_571_428n,
        60_000_000n,
        43_200_000_000n,
        86_400_000_000n,
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      nth: fc.nat(100),
      /** Less than, as much as and more than what was reserved. */
      micros: fc.constantFrom(null, 0n, 1n, 100_000n, 250_000n, 2_000_000n),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("limit" as const),
      who: fc.constantFrom("a", "b", "*"),
      daily: fc.constantFrom(null, null, 0n, 1n, 300_000n, 1_000_000n),
      monthly: fc.constantFrom(null, null, 0n, 500_000n, 2_000_000n),
      perMinute: fc.constantFrom(null, null, 1n, 2n, 7n, 1_000_000n),
      concurrent: fc.constantFrom(null, null, 1, 2),
      freePerDay: fc.constantFrom(null, 0, 1, 2),
    }),
  },
);

const usdOf = (micros: bigint | null) => micros === null ? null : `${micros}e-6`;

Deno.test("each call is decided as a small model of the limits decides, whatever is set meanwhile", async () => {
  const decided = new Set<string>();
  const property = fc.asyncProperty(
    fc.array(happening, { minLength: 5, maxLength: 60, size: "max" }),
    async (story) => {
      const run = crypto.randomUUID();
      const didOf = (who: string) => `did:key:${who}-${run}`;
      const model = new LimitsModel();
      const none = {
        daily: null,
        monthly: null,
        perMinute: null,
        concurrent: null,
        freePerDay: null,
      };
      for (const who of ["a", "b", "*"]) model.limits.set(who === "*" ? who : didOf(who), none);
      await sql.begin(async (sql) => {
        await sql`select public.lock_budget('*')`;
        await sql`delete from public.budgets where did = '*'`;
        await sql`update public.gateway_settings set daily_budget_usd = null, monthly_budget_usd = null,
          requests_per_minute = null, free_models_per_day = null, free_models_per_minute = null,
          default_free_models_per_day = null, refused_requests_per_minute = null, default_daily_budget_usd = null,
          default_monthly_budget_usd = null, default_requests_per_minute = null, default_concurrent_requests = null`;
        for (const who of ["a", "b"]) {
          await sql`insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
            values (${didOf(who)}, ${didOf(who)}, 'sealed', ${who})`;
        }
        /** The last second of a leap day. */
        let now = BigInt(Date.parse("2028-02-29T23:59:59Z")) * 1000n;
        const calls: { call: ModelCall; id: string; time: string }[] = [];
        for (const event of story) {
          if (event.kind === "limit") {
            const { kind: _, who, ...limits } = event;
            const { daily, monthly, perMinute, concurrent, freePerDay } = limits;
            const [day, month] = [usdOf(daily), usdOf(monthly)];
            const rate = perMinute === null ? null : Number(perMinute);
            if (who === "*") {
              model.limits.set("*", { ...limits, concurrent: null });
              await sql`update public.gateway_settings set daily_budget_usd = ${day}::numeric,
                monthly_budget_usd = ${month}::numeric, requests_per_minute = ${rate},
                free_models_per_day = ${freePerDay}`;
            } else {
              model.limits.set(didOf(who), limits);
              await sql`select public.set_limits(${didOf(who)})`;
              await sql`update public.did_policies set daily_budget_usd = ${day}::numeric,
                monthly_budget_usd = ${month}::numeric, requests_per_minute = ${rate},
                concurrent_requests = ${concurrent}, free_models_per_day = ${freePerDay}
                where did = ${didOf(who)}`;
            }
          } else if (event.kind === "end") {
            if (calls.length === 0) continue;
            const { call, id, time } = calls[event.nth % calls.length]!;
            model.settle(call, event.micros);
            const told = JSON.stringify({
              request_id: id,
              request_time: time,
              status: "completed",
              http_status: 200,
              cost: usdOf(event.micros),
            });
            await sql`select public.settle_request(${told}::text::jsonb)`;
          } else {
            now += event.laterMicros;
            const did = didOf(event.did);
            const expected = model.admit(did, event.micros, event.isFree, now);
            const id = crypto.randomUUID();
            const asked = JSON.stringify({
              request_id: id,
              did,
              method: "POST",
              endpoint: "/chat/completions",
              metered: true,
              models: ["a/b"],
              free_model: event.isFree,
              estimate: [{ usd: usdOf(event.micros) }],
            });
            const [row] = await sql`select public.enter_admission(
              jsonb_populate_record(null::public.admission, ${asked}::text::jsonb),
              'epoch'::timestamptz + ${
              String(now)
            }::text::bigint * interval '1 microsecond') as told`;
            const { decision, what, period, scope, request_time: time } = row!.told;
            const actual = decision === "admitted"
              ? decision
              : `${decision} ${what ?? period} ${scope}`;
            decided.add(actual);
            assert.equal(actual, typeof expected === "string" ? expected : "admitted");
            if (typeof expected !== "string") calls.push({ call: expected, id, time });
          }
        }
        const rows = await sql`
          select budget.did, (budget.day_spent_usd * 1e6)::bigint as day_spent,
            (budget.day_reserved_usd * 1e6)::bigint as day_reserved, (budget.month_spent_usd * 1e6)::bigint as month_spent,
            (budget.month_reserved_usd * 1e6)::bigint as month_reserved, budget.requests_under_way as under_way
          from public.budgets as stored, public.rolled(stored, ${dayOf(now)}::text::date)
            as budget
          where stored.did = '*' or stored.did = any (${[didOf("a"), didOf("b")]})`;
        for (const { did, ...held } of rows) {
          const bucket = model.at(did, dayOf(now));
          assert.deepEqual(
            Object.values(held).map(String),
            [
              bucket.daySpent,
              bucket.dayReserved,
              bucket.monthSpent,
              bucket.monthReserved,
              did === "*" ? 0 : bucket.underWay,
            ].map(String),
          );
        }
        throw UNDO;
      }).catch((error) => {
        if (error !== UNDO) throw error;
      });
    },
  );
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  for (const kind of ["admitted", "budget_exceeded", "rate_limited"]) {
    assert.ok([...decided].some((one) => one.startsWith(kind)), `nothing was ${kind}`);
  }
});
