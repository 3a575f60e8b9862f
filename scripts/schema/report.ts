/** What to tell a person about files that make different databases. */
import { supabaseCli } from "../stack/supabase_cli.ts";
import type { Difference } from "./differences.ts";
import { lastMention, type SqlFile } from "./sources.ts";

/** Each object that differs, where the files speak of it, and what is different. */
export function describe(
  differences: Difference[],
  { schemas, migrations }: { schemas: SqlFile[]; migrations: SqlFile[] },
): string {
  const objects = Map.groupBy(differences, ({ object }) => object);
  return [...objects].map(([object, found]) => {
    const places = [lastMention(object, schemas), lastMention(object, migrations)];
    return [
      object,
      ...places.filter((place) => place !== null),
      ...found.map(({ what }) => what.replaceAll("\n", "\n    ")),
    ].join("\n    ");
  }).join("\n");
}

/** SQL that makes the one database like the other, as far as the Supabase CLI knows; for a migration. */
export async function draftMigration(from: string, to: string): Promise<string> {
  const { code, stdout, output } = await supabaseCli(
    ["db", "diff", "--use-pg-delta", "--from", from, "--to", to],
    { env: { PGSSLMODE: "disable" } },
  );
  return code === 0 ? stdout.trim() : `(supabase db diff failed: ${output.trim()})`;
}
