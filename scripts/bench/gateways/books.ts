/** Whether a database holds exactly what was answered. */
import { setTimeout as sleep } from "node:timers/promises";
import type postgres from "postgres";

/** The sums of all days. */
export interface Books {
  requests: number;
  /** A decimal string, in USD. */
  cost: string;
}

/** What the bench's upstream charges for a chat (upstream.ts). */
const CALL_USD = "0.000007765";
const PATIENCE_MS = 10_000;
const POLLED_EVERY_MS = 50;

export async function booksOf(sql: postgres.Sql): Promise<Books> {
  const [books] = await sql<[Books]>`
    select coalesce(sum(requests), 0)::int as requests,
      coalesce(sum(total_cost), 0)::text as cost
    from usage_daily`;
  return books;
}

/**
 * Waits until the last call is settled, which is after its answer, and compares.
 *
 * @param before the books before the calls
 * @throws {Error} where the books hold more or less than the calls that were answered
 */
export async function assertBooked(
  sql: postgres.Sql,
  before: Books,
  calls: number,
): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (await isUnderWay(sql) && performance.now() < until) {
    await sleep(POLLED_EVERY_MS);
  }
  const after = await booksOf(sql);
  const [{ difference, reserved }] = await sql<[{ difference: string; reserved: string }]>`
    select trim_scale(${after.cost}::numeric - ${before.cost}::numeric
        - ${calls}::int * ${CALL_USD}::numeric)::text as difference,
      (select trim_scale(sum(month_reserved_usd))::text from budgets) as reserved`;
  const booked = after.requests - before.requests;
  if (booked !== calls || difference !== "0" || reserved !== "0") {
    throw new Error(
      `${calls} calls were answered and ${booked} booked; ` +
        `$${difference} too much is booked, $${reserved} still reserved`,
    );
  }
}

async function isUnderWay(sql: postgres.Sql): Promise<boolean> {
  const [row] = await sql<[{ exists: boolean }]>`
    select exists(select from request_logs where status = 'pending')`;
  return row.exists;
}
