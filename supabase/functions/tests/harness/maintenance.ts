/** Maintenance, as the operator's scheduler asks for it. */
import assert from "node:assert/strict";
import type { MaintenanceReport } from "../../openrouter-proxy/books/maintenance/maintenance.ts";
import type { World } from "./world.ts";

/** Runs it once. @param budgetS how long it may take */
export async function maintain(
  { gateway, stack }: Pick<World, "gateway" | "stack">,
  budgetS?: number,
): Promise<MaintenanceReport> {
  const query = budgetS === undefined ? "" : `?budget_seconds=${budgetS}`;
  const response = await fetch(`${gateway.url}/api/v1/maintenance${query}`, {
    method: "POST",
    headers: { apikey: JSON.parse(stack.secretKeys).default },
  });
  const { data } = await response.json();
  assert.equal(response.status, 200);
  return data;
}

/** Lets what is pending look as if its gateway had died a while ago. */
export async function makeStale({ db }: Pick<World, "db">): Promise<void> {
  await db.sql`
    update public.request_logs set request_time = request_time - interval '20 minutes'
    where status = 'pending'`;
}
