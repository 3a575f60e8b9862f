/** Plaintext keys of OpenRouter, which belong nowhere but into a request's Authorization. */
import assert from "node:assert/strict";
import type { Database } from "./database.ts";

const PLAINTEXT = /sk-or-v1-[0-9a-f]{8}/;

/** Asserts that there is no plaintext key in any table of the project, nor in the texts given. */
export async function assertNoPlaintextKey({ sql }: Database, ...texts: string[]): Promise<void> {
  for (const text of texts) assert.doesNotMatch(text, PLAINTEXT);
  const tables = await sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_catalog.pg_class as c
    where c.relkind in ('r', 'p') and c.relnamespace in ('public'::regnamespace, 'partitions'::regnamespace)`;
  assert.ok(tables.some(({ name }) => name.endsWith("user_api_keys")));
  const searches = tables.map(({ name }) =>
    `select '${name}' as name from ${name} as t where t::text ~ '${PLAINTEXT.source}'`
  );
  assert.deepEqual([...await sql.unsafe(searches.join(" union all "))], []);
}
