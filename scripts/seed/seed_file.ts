/** A made-up history as SQL: supabase/seed.sql, which `supabase db reset` loads. */
import type { History } from "./history.ts";
import { AFTERWARDS, enterAccounts, enterRows } from "./statements.ts";

const TODAY = "(now() at time zone 'utc')::date";

const HEADER = `\
-- A small made-up history, whose last day is the one that it is loaded on. Not for a project in use.
-- Made by: deno task seed --print`;

/** @returns statements that enter it, the days before the one on which they are run */
export function seedFile({ accounts, rows }: History): string {
  const statements = [
    enterAccounts(literal(accounts), TODAY),
    enterRows(literal(rows), TODAY),
    ...AFTERWARDS,
  ];
  return `${HEADER}\n${statements.map((text) => `\n${text};\n`).join("")}`;
}

/** One line each, so that a change is one line. */
function literal(values: unknown[]): string {
  const lines = values.map((value) =>
    // What is not said is null.
    JSON.stringify(value, (_, member) => member === null ? undefined : member)
  ).join(",\n");
  return `'[\n${lines.replaceAll("'", "''")}\n]'::jsonb`;
}
