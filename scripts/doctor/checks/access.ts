/** Who may do what in the database. */
import { join } from "node:path";
import { PROJECT_ROOT } from "../../stack/data_folder.ts";
import { bad, type Check, ok } from "../check.ts";
import type { Patient } from "../patient.ts";
import { push } from "../remedies.ts";
import { type ExpectedGrants, expectedGrants } from "../expected_grants.ts";

const remedy = (patient: Patient) =>
  "What grants more, or less, came from outside the migrations (the dashboard, another\n" +
  "project in the same database): take it back with revoke or grant. What is missing comes with\n" +
  push(patient);

/** One row for each relation and role: what it may do; for each function and role: x, or nothing. */
const GRANTS = `
  select relname as name, role, 'relation' as kind, coalesce((
    select string_agg(letter, '' order by place)
    from (values
      (1, 'r', 'select'), (2, 'a', 'insert'), (3, 'w', 'update'), (4, 'd', 'delete'), (5, 'D', 'truncate'),
      (6, 'x', 'references'), (7, 't', 'trigger'), (8, 'm', 'maintain')
    ) as privilege (place, letter, name)
    where has_table_privilege(role, pg_class.oid, privilege.name)
  ), '') as may
  from pg_catalog.pg_class, unnest('{anon, authenticated, service_role}'::text[]) as role
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
  union all
  select proname, role, 'function',
    case when has_function_privilege(role, pg_proc.oid, 'execute') then 'x' else '' end
  from pg_catalog.pg_proc, unnest('{anon, authenticated, service_role}'::text[]) as role
  where pronamespace = 'public'::regnamespace
  union all
  select relname || '.' || attname, role, 'column', 'r'
  from pg_catalog.pg_class join pg_catalog.pg_attribute on attrelid = pg_class.oid,
    unnest('{anon, authenticated}'::text[]) as role
  where relnamespace = 'public'::regnamespace
    and attname in ('encrypted_api_key', 'openrouter_key_hash', 'message_hash', 'body_hash')
    and has_column_privilege(role, pg_class.oid, attnum, 'select')`;

interface Grant {
  name: string;
  role: string;
  kind: "relation" | "function" | "column";
  may: string;
}

/** What differs from the list, in words. What others have made in the schema is theirs. */
function differences(actual: Grant[], { relations, functions }: ExpectedGrants): string[] {
  const expectedOf = ({ name, role, kind }: Grant): string | undefined => {
    if (kind === "column") return relations.has(name.replace(/\..*/, "")) ? "" : undefined;
    if (kind === "function") {
      const granted = functions.get(name);
      return granted === undefined ? undefined : granted && role === "service_role" ? "x" : "";
    }
    const listed = relations.get(name);
    return listed && (role === "anon" ? "" : listed[role as "authenticated" | "service_role"]);
  };
  const names = new Set(actual.map(({ name }) => name));
  const missing = [...relations.keys(), ...functions.keys()].filter((name) => !names.has(name));
  const other = actual.flatMap((grant) => {
    const expected = expectedOf(grant);
    if (expected === undefined || expected === grant.may) return [];
    return [`${grant.role} has "${grant.may}" on ${grant.name} instead of "${expected}"`];
  });
  return [...new Set(other), ...missing.map((name) => `${name} is missing`)];
}

async function listed(): Promise<ExpectedGrants> {
  const path = join(PROJECT_ROOT, "supabase", "tests", "grants.test.sql");
  return expectedGrants(await Deno.readTextFile(path));
}

export const grants: Check = {
  name: "grants",
  looksAt:
    "the API's roles may do what the list of supabase/tests/grants.test.sql says, and no more",
  after: ["migrations"],
  remedyOfError: remedy,
  async look(patient) {
    const expected = await listed();
    const actual = await patient.query!(GRANTS) as unknown as Grant[];
    const found = differences(actual, expected);
    if (found.length > 0) {
      const more = found.length > 3 ? ` and ${found.length - 3} more` : "";
      return bad(found.slice(0, 3).join("; ") + more, remedy(patient));
    }
    return ok(`${expected.relations.size} tables and views, ${expected.functions.size} functions`);
  },
};

/** Tables without row level security, and views that read with their owner's rights. */
const OPEN = `
  select relname as name from pg_catalog.pg_class
  where relnamespace = 'public'::regnamespace
    and (relkind in ('r', 'p') and not relrowsecurity
      or relkind = 'v'
        and coalesce(array_to_string(reloptions, ' '), '') !~* 'security_invoker=(true|on|yes|1)')
  order by relname`;

export const rowSecurity: Check = {
  name: "row level security",
  looksAt: "each table has it, and each view reads with the rights of who asks",
  after: ["migrations"],
  remedyOfError: remedy,
  async look({ query }) {
    const { relations } = await listed();
    const open = (await query!(OPEN)).map(({ name }) => String(name))
      .filter((name) => relations.has(name));
    if (open.length === 0) return ok("on");
    return bad(
      `not on ${open.join(", ")}`,
      open.map((name) =>
        `alter table public.${name} enable row level security;` +
        ` -- a view: alter view public.${name} set (security_invoker = true);`
      ).join("\n"),
    );
  },
};
