/**
 * Who may do what with the schema `public`: the list that supabase/tests/grants.test.sql holds, so that
 * there is one.
 */

export interface ExpectedGrants {
  /** Of each table and view the letters of what a role does: r select, a insert, w update, d delete. */
  relations: ReadonlyMap<string, { authenticated: string; service_role: string }>;
  /** Of each function whether service_role executes it; nobody else does. */
  functions: ReadonlyMap<string, boolean>;
}

const RELATIONS = /insert into listed_relations values\n(?<list>[^;]*);/;
const RELATION = /^\s*\('(?<name>\w+)', '(?<authenticated>\w*)', '(?<service>\w*)'\)/gm;
const FUNCTIONS =
  /insert into listed_functions\nselect name, (?<granted>true|false) from unnest\([^']*'(?<names>[^']*)'/g;

/** @param test its text @throws {Error} where it is not what it was */
export function expectedGrants(test: string): ExpectedGrants {
  const sql = test.replaceAll(/--.*$/gm, "");
  const relations = new Map(
    [...(RELATIONS.exec(sql)?.groups?.list ?? "").matchAll(RELATION)].map(({ groups }) => [
      groups!.name!,
      { authenticated: groups!.authenticated!, service_role: groups!.service! },
    ]),
  );
  const functions = new Map(
    [...sql.matchAll(FUNCTIONS)].flatMap(({ groups }) =>
      groups!.names!.split(/[\s,]+/).filter(Boolean).map((name) =>
        [name, groups!.granted === "true"] as const
      )
    ),
  );
  if (relations.size === 0 || new Set(functions.values()).size !== 2) {
    throw new Error("the lists in supabase/tests/grants.test.sql cannot be read");
  }
  return { relations, functions };
}
