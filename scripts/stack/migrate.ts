/** The project's migrations on the stack's database, by the real Supabase CLI. */
import { join } from "node:path";
import type postgres from "postgres";
import { StackError } from "./errors.ts";
import { supabaseCli } from "./supabase_cli.ts";

/**
 * Brings the database to the project's migrations. Without a difference the CLI is not started.
 *
 * @param sql a connection as the migrations' owner, whose URL is `databaseUrl`
 * @throws {StackError} with the CLI's output when it fails
 */
export async function migrate({ sql, databaseUrl, projectRoot, onProgress, signal }: {
  sql: postgres.Sql;
  databaseUrl: string;
  projectRoot: string;
  onProgress: (message: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const difference = describeDifference(
    await migrationsIn(join(projectRoot, "supabase", "migrations")),
    await appliedMigrations(sql),
  );
  if (difference === null) return;
  onProgress(difference);
  const { code, output } = await supabaseCli(
    ["db", "push", `--remote=${databaseUrl}`, "--yes", "--workdir", projectRoot],
    { signal, env: { PGSSLMODE: "disable" } },
  );
  if (code !== 0) throw new StackError(`the migrations failed:\n${output.trimEnd()}`);
}

/** What is to be done, for people; null when the two lists of versions are the same. */
export function describeDifference(wanted: string[], applied: string[]): string | null {
  const missing = wanted.filter((version) => !applied.includes(version));
  const unknown = applied.filter((version) => !wanted.includes(version));
  if (unknown.length > 0) {
    return `the database has migrations that this checkout lacks: ${unknown.join(", ")}`;
  }
  if (missing.length === 0) return null;
  return missing.length === 1 ? "applying 1 migration" : `applying ${missing.length} migrations`;
}

/** What the CLI takes for a migration: `<digits>_<name>.sql`. */
const MIGRATION = /^([0-9]+)_.*\.sql$/;

/** The versions of the files that the CLI takes for migrations, in order. */
export function migrationVersions(fileNames: string[]): string[] {
  return fileNames.flatMap((name) => MIGRATION.exec(name)?.[1] ?? []).sort();
}

/** The versions of a folder's migrations, in order; none where there is no such folder. */
export async function migrationsIn(directory: string): Promise<string[]> {
  return migrationVersions(await migrationFilesIn(directory));
}

/** The names of a folder's migrations, in order; none where there is no such folder. */
export async function migrationFilesIn(directory: string): Promise<string[]> {
  try {
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
    return names.filter((name) => MIGRATION.test(name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function appliedMigrations(sql: postgres.Sql): Promise<string[]> {
  const [history] = await sql`
    select to_regclass('supabase_migrations.schema_migrations') is not null as there`;
  if (!history?.there) return [];
  const rows = await sql<{ version: string }[]>`
    select version from supabase_migrations.schema_migrations order by version`;
  return rows.map(({ version }) => version);
}
