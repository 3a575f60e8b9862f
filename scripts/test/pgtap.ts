/** The database's own tests: supabase/tests/*.test.sql, in pgTAP. */
import { join } from "node:path";
import postgres from "postgres";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { startTestStack } from "../stack/testing.ts";
import { WITHOUT_LIMITS } from "../stack/without_limits.ts";
import { NOTHING, sum } from "./outcome.ts";
import { loadPgtap } from "./pgtap_extension.ts";
import type { Suite } from "./suite.ts";
import { outcomeOfTap } from "./tap.ts";

const TESTS = join(PROJECT_ROOT, "supabase", "tests");

/** Where the sessions of the tests are: its day is never that of UTC, by which the database counts. */
const TIME_ZONE = new Date().getUTCHours() < 12 ? "Etc/GMT+12" : "Etc/GMT-14";

/**
 * Runs each file on a connection of its own. The files are also what `supabase test db` takes: each
 * begins a transaction, plans, and rolls back.
 *
 * In a stack of their own, because pgTAP's hundreds of functions would be in the way of whoever looks
 * at the others' database, and because a test that forgets to roll back then harms nobody else.
 */
export const pgtap: Suite = async ({ write, signal, template }) => {
  await using running = new AsyncDisposableStack();
  const stack = await startTestStack({ template: await template(), signal });
  running.defer(stack.stop);
  const url = stack.databaseUrl;
  await withConnection(url, loadPgtap);
  await withConnection(url, (sql) => sql.unsafe(WITHOUT_LIMITS));
  let total = NOTHING;
  for (const name of await testFiles()) {
    signal.throwIfAborted();
    write(`${name}\n`);
    const tap = await withConnection(url, async (sql) => await runFile(sql, name));
    write(tap.replaceAll(/^/gm, "  ").trimEnd() + "\n");
    total = sum([total, outcomeOfTap(tap)]);
  }
  return total;
};

async function testFiles(): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(TESTS), ({ name }) => name);
  return names.filter((name) => name.endsWith(".test.sql")).sort();
}

/** What the file's statements say, in TAP; an error ends it as pg_prove would have it: not ok. */
async function runFile(sql: postgres.Sql, name: string): Promise<string> {
  const text = await Deno.readTextFile(join(TESTS, name));
  try {
    const results = [await sql.unsafe(text).simple()].flat(2) as Record<string, unknown>[];
    // A function that returns void, called for what it does, answers with an empty string.
    const said = results.flatMap((row) => Object.values(row)).filter((value) => value !== "");
    return said.filter((value) => typeof value === "string").join("\n") + "\n";
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    const line = text.slice(0, Number(error.position) || 0).split("\n").length;
    const message = [`${name}:${line}: ${error.message}`, error.detail, error.hint, error.where];
    const diagnostics = message.filter(Boolean).join("\n").replaceAll(/^/gm, "# ");
    return `not ok 1 - ${name} runs to its end\n${diagnostics}\n1..1\n`;
  }
}

async function withConnection<T>(url: string, use: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const connection = { TimeZone: TIME_ZONE };
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}
