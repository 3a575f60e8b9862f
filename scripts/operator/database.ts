/** Postgres as the operator's commands use it. */
import postgres from "postgres";

export type Sql = postgres.Sql;

/** Runs something with a connection and closes it after. @param databaseUrl of the role `postgres` */
export async function withDatabase<T>(
  databaseUrl: string,
  use: (sql: Sql) => Promise<T>,
): Promise<T> {
  const sql = postgres(databaseUrl, {
    max: 1,
    // Supabase's transaction pooler knows no prepared statements.
    prepare: false,
    connect_timeout: 15,
    onnotice: () => {},
  });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
