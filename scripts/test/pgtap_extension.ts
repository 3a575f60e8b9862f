/** pgTAP from npm, for a PostgreSQL into whose folders nothing can be installed. */
import { fileURLToPath } from "node:url";
import { parseTarGzip } from "nanotar";
import type postgres from "postgres";

/** Creates pgTAP's functions where `create extension pgtap` puts them on Supabase. */
export async function loadPgtap(sql: postgres.Sql): Promise<void> {
  const archive = new URL("./pgtap.tar.gz", import.meta.resolve("@electric-sql/pglite-pgtap"));
  const [script] = await parseTarGzip(await Deno.readFile(fileURLToPath(archive)), {
    filter: ({ name }) => /\/pgtap--[0-9.]+\.sql$/.test(name),
  });
  if (!script?.text) throw new Error(`pgTAP is not in ${archive.pathname}`);
  // \echo, a psql command, keeps people from loading the file without `create extension`.
  const statements = script.text.replaceAll(/^\\echo.*$/gm, "");
  await sql.begin(async (sql) => {
    await sql`set local search_path = extensions`;
    await sql.unsafe(statements).simple();
  });
}
