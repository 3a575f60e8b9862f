/** The functions that can be called by name: PostgREST's schema cache, as far as calls need it. */
import type { Session } from "./connections.ts";

export interface DatabaseFunction {
  name: string;
  /** Those that a call may give, in order; the last ones may have defaults. */
  parameters: { name: string; type: string }[];
  /** How many of them have no default. */
  required: number;
  returns: "void" | "scalar" | "composite";
  isSet: boolean;
  /** Whether it says of itself that it changes nothing. */
  isReadOnly: boolean;
}

/** Functions of one name. */
export type Functions = Map<string, DatabaseFunction[]>;

/** Types are qualified by their schemas, because nothing is on the search path here. */
const FUNCTIONS = `
  select pg_catalog.set_config('search_path', '', true);
  select
    f.proname as name,
    pg_catalog.json_agg(
      pg_catalog.json_build_object(
        'name', parameter.name, 'type', pg_catalog.format_type(parameter.type, null)
      ) order by parameter.position
    ) filter (where parameter.type is not null)::text as parameters,
    f.pronargs - f.pronargdefaults as required,
    case
      when f.prorettype = 'pg_catalog.void'::pg_catalog.regtype then 'void'
      when result.typtype = 'c' or f.prorettype = 'pg_catalog.record'::pg_catalog.regtype
        or f.proargmodes && '{o,b,t}' then 'composite'
      else 'scalar'
    end as returns,
    f.proretset as is_set,
    f.provolatile <> 'v' as is_read_only
  from pg_catalog.pg_proc f
  join pg_catalog.pg_type result on result.oid = f.prorettype
  left join lateral (
    select every.position, every.type, every.name
    from unnest(
      coalesce(f.proallargtypes, f.proargtypes::oid[]), f.proargmodes, f.proargnames
    ) with ordinality as every (type, mode, name, position)
    where coalesce(every.mode, 'i') in ('i', 'b')
  ) parameter on true
  where f.pronamespace = 'public'::pg_catalog.regnamespace and f.prokind = 'f'
    and f.provariadic = 0
  group by f.oid, result.typtype
  having pg_catalog.bool_and(parameter.type is null or parameter.name <> '')`;

/** Reads all of the schema `public` whose parameters have names; variadic ones are left out. */
export async function readFunctions(session: Session): Promise<Functions> {
  const [, rows] = await session.unsafe(FUNCTIONS) as unknown as [unknown, FunctionRow[]];
  const functions = rows.map((row): DatabaseFunction => ({
    name: row.name,
    parameters: JSON.parse(row.parameters ?? "[]"),
    required: row.required,
    returns: row.returns,
    isSet: row.is_set,
    isReadOnly: row.is_read_only,
  }));
  return Map.groupBy(functions, ({ name }) => name);
}

interface FunctionRow {
  name: string;
  parameters: string | null;
  required: number;
  returns: DatabaseFunction["returns"];
  is_set: boolean;
  is_read_only: boolean;
}

/** The one function that takes exactly these arguments; null when there is none, or several. */
export function functionFor(
  functions: Functions,
  name: string,
  argumentNames: string[],
): DatabaseFunction | null {
  const candidates = (functions.get(name) ?? []).filter(({ parameters, required }) => {
    const names = parameters.map(({ name }) => name);
    return argumentNames.every((argument) => names.includes(argument)) &&
      names.slice(0, required).every((parameter) => argumentNames.includes(parameter));
  });
  return candidates.length === 1 ? candidates[0]! : null;
}
