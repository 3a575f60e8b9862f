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
 * Where files speak of an object of a catalog, as `path:line`: where it is made last, or else where it, or
 * what it belongs to, is named last; null: nowhere.
 *
 * @param object such as `column public.budgets.day` or `index budgets_pkey on public.budgets`
 */
export function lastMention(object: string, files: SqlFile[]): string | null {
  for (const pattern of mentions(object)) {
    for (const { path, text } of files.toReversed()) {
      const at = [...text.matchAll(pattern)].at(-1)?.index;
      if (at !== undefined) return `${path}:${text.slice(0, at).split("\n").length}`;
    }
  }
  return null;
}

/** What to look for, the best first. */
function mentions(object: string): RegExp[] {
  const named = /^(?<kind>.*?)(?<name>[^ (]+)(\(.*\))?( on (?<owner>\S+))?$/.exec(object)?.groups;
  const { kind = "", name = object } = named ?? {};
  const table = kind.startsWith("column") ? name.slice(0, name.lastIndexOf(".")) : named?.owner;
  return [
    kind.startsWith("row") ? ["insert into ", name] : ["create (or replace )?", `${kind}${name}`],
    ["", name],
    ...table === undefined ? [] : [["create table ", table], ["", table]],
  ].map(([before, words = ""]) =>
    new RegExp(String.raw`\b${before}${words.replaceAll(".", "\\.")}\b`, "g")
  );
}
