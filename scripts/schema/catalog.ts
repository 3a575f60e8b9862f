/** What is in a database, told so that two of them can be compared. */
import type postgres from "postgres";

/** What is to be known of an object, by name: `{ type: "text", "not null": true }`. */
export type Facts = Record<string, unknown>;

/** The facts of objects by their names, such as `function public.maintain()`. */
export type Catalog = Map<string, Facts>;

/** Reads the objects: schemas, tables, columns, constraints, functions, privileges, comments… */
export async function readCatalog(sql: postgres.Sql): Promise<Catalog> {
  const query = await Deno.readTextFile(new URL("catalog.sql", import.meta.url));
  // The search path decides which names are told with their schema: with none, all are.
  const results = await sql.unsafe(`set search_path = ''; ${query}; reset search_path`).simple();
  return catalogOf(results.flat());
}

/**
 * Reads the rows that are there from the beginning, and the jobs of pg_cron: they are part of the schema.
 * Columns that tell when it was applied are left out.
 */
export async function readRows(sql: postgres.Sql): Promise<Catalog> {
  const tables = await sql<{ name: string; clocks: string[] }[]>`
    select class.relnamespace::regnamespace || '.' || class.relname as name, array(
      select attname::text from pg_attribute
      join pg_attrdef on adrelid = attrelid and adnum = attnum
      where attrelid = class.oid and pg_get_expr(adbin, adrelid) in ('now()', 'clock_timestamp()')
    ) as clocks
    from pg_class as class
    where class.relkind in ('r', 'p') and not class.relispartition
      and class.relnamespace::regnamespace::text in ('public', 'cron')
    order by 1`;
  const rows = await Promise.all(tables.map(({ name, clocks }) =>
    sql`
      select ${`row `} || row_number() over (order by facts::text) || ${` of ${name}`} as object, facts
      from (select to_jsonb(found) - ${clocks}::text[] as facts from ${sql(name)} as found) as rows`
  ));
  return catalogOf(rows.flat());
}

function catalogOf(rows: Iterable<Record<string, unknown>>): Catalog {
  return new Map(
    Array.from(rows, ({ object, facts }) => [object as string, facts as Facts]),
  );
}

/** What a catalog has beyond another one, objects that it changed included. */
export function without(catalog: Catalog, base: Catalog): Catalog {
  return new Map(
    [...catalog].filter(([object, facts]) =>
      JSON.stringify(facts) !== JSON.stringify(base.get(object))
    ),
  );
}
