/** `deno task maintain`: the database's housekeeping, where no pg_cron does it. */
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";

await runCommand(
  new Command("maintain")
    .description(
      "Make and drop partitions, end requests whose gateway died, forget what has expired.",
    )
    .addHelpText("after", environmentHelp(["DATABASE_URL"]))
    .action(async () => {
      const { DATABASE_URL } = readEnvironment(["DATABASE_URL"]);
      await withDatabase(DATABASE_URL, async (sql) => {
        const [row] = await sql<{ done: Record<string, unknown> }[]>`
          select public.maintain() as done`;
        for (const [what, count] of Object.entries(row!.done)) console.log(`${what}: ${count}`);
      });
    }),
);
