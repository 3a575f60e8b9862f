/** The made-up history of supabase/seed.sql in the stack's database. */
import { join } from "node:path";
import type postgres from "postgres";

/**
 * Loads it, all or nothing, into a database that has no requests. Another one stays as it is.
 *
 * @param sql a connection as the owner of the tables
 */
export async function loadSeed({ sql, projectRoot, onProgress }: {
  sql: postgres.Sql;
  projectRoot: string;
  onProgress: (message: string) => void;
}): Promise<void> {
  const text = await Deno.readTextFile(join(projectRoot, "supabase", "seed.sql"));
  await sql.begin(async (sql) => {
    const [found] = await sql`select exists (select from public.request_logs) as has_requests`;
    if (found!.has_requests) {
      return onProgress("the database has requests already: no made-up history is loaded");
    }
    onProgress("loading a made-up history");
    await sql.unsafe(text);
  });
}
