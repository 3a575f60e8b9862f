/** The files that make the database: supabase/schemas as it is, supabase/migrations as it came to be. */
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";

export interface SqlFile {
  /** From the project's root: `supabase/schemas/10_settings.sql`. */
  path: string;
  text: string;
}

/** In the order in which `schema_paths` of config.toml names them: that of their names. */
export const schemaFiles = () => sqlFiles("supabase/schemas");

export const migrationFiles = () => sqlFiles("supabase/migrations");

async function sqlFiles(folder: string): Promise<SqlFile[]> {
  const names = await Array.fromAsync(Deno.readDir(join(PROJECT_ROOT, folder)), ({ name }) => name);
  const paths = names.filter((name) => name.endsWith(".sql")).sort().map((name) =>
    `${folder}/${name}`
  );
  return await Promise.all(paths.map(async (path) => ({
    path,
    text: await Deno.readTextFile(join(PROJECT_ROOT, path)),
  })));
}

/**
 * Where files speak of an object of a catalog last, as `path:line`; null: nowhere. That is where it is
 * made or changed, or else where it, or what it belongs to, is named.
 *
 * @param object such as `column public.budgets.day` or `index budgets_pkey on public.budgets`
 */
export function lastMention(object: string, files: SqlFile[]): string | null {
  for (const words of mentions(object)) {
    const pattern = new RegExp(String.raw`\b${words.replaceAll(".", "\\.")}\b`, "g");
    for (const { path, text } of files.toReversed()) {
      const at = [...text.matchAll(pattern)].at(-1)?.index;
      if (at !== undefined) return `${path}:${text.slice(0, at).split("\n").length}`;
    }
  }
  return null;
}

/** What to look for, the best first: `table public.budgets`, `public.budgets`. */
function mentions(object: string): string[] {
  const named = /^(?<kind>.*?)(?<name>[^ (]+)(\(.*\))?( as such| on (?<owner>\S+))?$/.exec(object);
  const { kind = "", name = object, owner } = named?.groups ?? {};
  const table = kind === "column " ? [name.slice(0, name.lastIndexOf("."))] : [];
  return [`${kind}${name}`, name, ...table, ...owner === undefined ? [] : [owner]];
}
