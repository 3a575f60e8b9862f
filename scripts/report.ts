/**
 * `deno task report`: what was used and spent, for operators, out of Postgres.
 *
 * Standard output holds the report alone, standard error the progress.
 */
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { accountDid, readReport } from "./report/data.ts";
import { written } from "./report/formats.ts";
import { deliver, type ReportOptions, reportOptions } from "./report/options.ts";
import { rangeOf } from "./report/range.ts";
import { expectWritable } from "./writable.ts";

const command = new Command("report")
  .description("Show what was used and spent, of all DIDs or of one.")
  .option("--did <did>", "of this DID alone")
  .addHelpText("after", environmentHelp(["DATABASE_URL"]))
  .action(async ({ did, format, output, ...options }: ReportOptions & { did?: string }) => {
    const range = rangeOf(options, Date.now());
    const { DATABASE_URL } = readEnvironment(["DATABASE_URL"]);
    await expectWritable(output);
    const report = await withDatabase(
      DATABASE_URL,
      async (sql) => {
        const whose = did === undefined ? null : await accountDid(sql, did);
        return await readReport(sql, whose, range, console.error);
      },
    );
    await deliver(await written(report, format), output);
  });
for (const option of reportOptions()) command.addOption(option);
await runCommand(command);
