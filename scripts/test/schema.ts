/** What the Supabase CLI says of the migrated database. */
import { join } from "node:path";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { SUPABASE_CLI_VERSION, supabaseCli } from "../stack/supabase_cli.ts";
import type { Outcome } from "./outcome.ts";
import type { Suite } from "./suite.ts";

const TYPES = "supabase/functions/openrouter-proxy/database.types.ts";

/** The advisors have nothing to warn of, and the generated types are the committed ones. */
export const schema: Suite = async ({ stack, write, signal }) => {
  const remote = `--remote=${(await stack()).databaseUrl}`;
  // Otherwise it reports on stdout that it would have liked TLS.
  const options = { signal, env: { PGSSLMODE: "disable" } };
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 };
  const report = (name: string, complaint: string | null) => {
    outcome[complaint === null ? "passed" : "failed"]++;
    write(`${name} ... ${complaint === null ? "ok" : `FAILED\n${complaint}`}\n`);
  };

  const advice = await supabaseCli(
    ["db", "advisors", remote, "--level", "warn", "--fail-on", "warn"],
    options,
  );
  report("supabase db advisors warn of nothing", advice.code === 0 ? null : advice.output);

  const types = await supabaseCli(["gen", "types", "--lang=typescript", remote], options);
  const committed = await Deno.readTextFile(join(PROJECT_ROOT, TYPES));
  report(
    "database.types.ts is what supabase gen types prints",
    types.code !== 0
      ? types.output
      : types.stdout === committed
      ? null
      : `${TYPES} is not up to date; write it anew, while \`deno task stack\` runs, with:\n` +
        `PGSSLMODE=disable npx -y supabase@${SUPABASE_CLI_VERSION} gen types --lang=typescript ` +
        `--remote="$DATABASE_URL" > ${TYPES}`,
  );
  return outcome;
};
