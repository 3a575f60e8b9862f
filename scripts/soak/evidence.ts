/** What is known when all is over, and what Postgres says of it. */
import type { Sql } from "../operator/database.ts";
import type { BilledGeneration, LedgerSnapshot } from "../simulator/ledger.ts";
import type { CallRecord } from "./call_record.ts";
import type { Closing } from "./closing.ts";
import type { MemorySample } from "./memory_samples.ts";
import type { OutageRecord } from "./outages.ts";

/** A row of request_logs; amounts are decimal strings in USD. */
export interface BookedRow {
  id: string;
  did: string;
  status: string;
  session: string | null;
  generation_id: string | null;
  total_cost: string | null;
  upstream_cost: string | null;
  reserved_usd: string;
  /** The UTC day whose budgets it counts in, `YYYY-MM-DD`. */
  day: string;
}

/** A row of budgets; `did` is `*` for all together. */
export interface BookedBudget {
  did: string;
  day: string;
  day_spent_usd: string;
  day_reserved_usd: string;
  /** Its first day. */
  month: string;
  month_spent_usd: string;
  month_reserved_usd: string;
  requests_under_way: number;
}

export interface Books {
  rows: BookedRow[];
  /** Generations that are booked, and not by a row that names them. */
  found: { generation_id: string; request_id: string | null }[];
  /** What each DID's account says is its key. */
  accounts: { did: string; hash: string }[];
  budgets: BookedBudget[];
  /** Totals that differ from the log. */
  wrongTotals: Record<string, unknown>[];
  /** Budgets that hold something else than the log says. */
  wrongReservations: Record<string, unknown>[];
  /** DIDs whose sums differ from OpenRouter's, as the last maintenance has seen them. */
  drifts: { did: string; drift_usd: string }[];
}

export interface Ledger extends Pick<LedgerSnapshot, "keys" | "total_cost"> {
  generations: BilledGeneration[];
}

export interface Evidence {
  calls: readonly CallRecord[];
  outages: readonly OutageRecord[];
  books: Books;
  ledger: Ledger;
  closing: Closing;
  /** Of the last half of the traffic. */
  memory: readonly MemorySample[];
  /** Lines of the gateway's log that tell of a bug. */
  bugs: readonly string[];
}

/** What a proof has found. */
export interface Findings {
  problems: string[];
  summary: string;
}

export async function readBooks(sql: Sql): Promise<Books> {
  return {
    rows: await sql<BookedRow[]>`
      select id, did, status, session, generation_id, total_cost::text as total_cost,
        upstream_cost::text as upstream_cost, coalesce(reserved_usd, 0)::text as reserved_usd,
        coalesce(reserved_on, (request_time at time zone 'utc')::date)::text as day
      from public.request_logs order by request_time, id`,
    found: await sql<
      Books["found"]
    >`select generation_id, request_id from public.found_generations`,
    accounts: await sql<Books["accounts"]>`
      select did, openrouter_key_hash as hash from public.user_api_keys order by did`,
    budgets: await sql<BookedBudget[]>`
      select did, day::text as day, day_spent_usd::text as day_spent_usd,
        day_reserved_usd::text as day_reserved_usd, month::text as month,
        month_spent_usd::text as month_spent_usd, month_reserved_usd::text as month_reserved_usd,
        requests_under_way
      from public.budgets order by did`,
    wrongTotals: await sql<Record<string, unknown>[]>`select * from public.verify_usage()`,
    wrongReservations: await sql<Record<string, unknown>[]>`
      select * from public.verify_reservations()`,
    drifts: await sql<Books["drifts"]>`
      select did, drift_usd::text as drift_usd from public.cost_drift_latest where drift_usd <> 0`,
  };
}
