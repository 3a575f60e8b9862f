/** What an operator sets, and what budgets hold. */
import type { Database } from "./database.ts";

type Limits = Record<string, string | number | string[]>;

/** Sets limits of one DID, as the operator does. */
export async function setLimits({ sql }: Database, did: string, limits: Limits): Promise<void> {
  await sql.unsafe(...callOf("set_limits", { did, ...limits }));
}

/** Sets limits of the whole gateway, and those of DIDs without any of their own. */
export async function setGatewayLimits({ sql }: Database, limits: Limits): Promise<void> {
  await sql.unsafe(...callOf("set_gateway_limits", limits));
}

function callOf(name: string, limits: Limits): [query: string, values: Limits[string][]] {
  const named = Object.keys(limits).map((limit, index) => `${limit} => $${index + 1}`);
  return [`select public.${name}(${named.join(", ")})`, Object.values(limits)];
}

/** A row of `budgets`, amounts as decimal strings in USD. */
export interface BudgetRow {
  spent: string;
  reserved: string;
  under_way: number;
}

/** What a DID has spent and reserved today, and has under way. @param did `*`: all of them */
export async function budgetOf({ sql }: Database, did: string): Promise<BudgetRow | null> {
  const [row] = await sql<BudgetRow[]>`
    select trim_scale(day_spent_usd)::text as spent, trim_scale(day_reserved_usd)::text as reserved,
      requests_under_way as under_way
    from public.budgets where did = ${did}`;
  return row ?? null;
}

/** What the row of a call was estimated to cost, a decimal string in USD. */
export async function estimateOf({ sql }: Database, requestId: string): Promise<string> {
  const [row] = await sql<{ usd: string }[]>`
    select trim_scale(estimate_usd)::text as usd from public.request_logs where id = ${requestId}`;
  return row!.usd;
}
