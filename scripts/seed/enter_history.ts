/** A made-up history in a database. */
import type { Sql } from "../operator/database.ts";
import type { History } from "./history.ts";
import { AFTERWARDS, enterAccounts, enterRows } from "./statements.ts";

/** How many rows one statement enters. */
const AT_ONCE = 2000;

/**
 * Enters a history, all of it or nothing.
 *
 * @param today the date, `YYYY-MM-DD`, that its times are relative to
 * @param onProgress is told how many rows are entered
 * @throws {Error} where the database has requests already
 */
export async function enterHistory(
  sql: Sql,
  { accounts, rows }: History,
  today: string,
  onProgress: (done: number) => void,
): Promise<void> {
  await sql.begin(async (sql) => {
    // Another one that is being entered is not seen before it is whole.
    await sql`select pg_advisory_xact_lock(hashtext('llm-gateway: seed'))`;
    const [found] = await sql`select exists (select from public.request_logs) as has_requests`;
    if (found!.has_requests) {
      throw new Error("the database has requests already: a made-up history is for an empty one");
    }
    await sql.unsafe(enterAccounts("$1::text::jsonb", "$2::text::date"), [
      JSON.stringify(accounts),
      today,
    ]);
    for (let first = 0; first < rows.length; first += AT_ONCE) {
      const some = rows.slice(first, first + AT_ONCE);
      await sql.unsafe(enterRows("$1::text::jsonb", "$2::text::date"), [
        JSON.stringify(some),
        today,
      ]);
      onProgress(first + some.length);
    }
    for (const statement of AFTERWARDS) await sql.unsafe(statement);
  });
}
