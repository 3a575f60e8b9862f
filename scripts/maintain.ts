/** `deno task maintain`: the database's housekeeping, where no pg_cron does it. */
import { Command } from "commander";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";

/** What each call does a bounded part of, in a transaction of its own: it is called until it does nothing. */
const STEPS = [
  ["expired_requests", "expire_stale_requests"],
  ["purged_messages", "purge_accepted_messages"],
  ["purged_idempotency_keys", "purge_idempotency_keys"],
  ["purged_requests", "purge_request_logs"],
] as const;

await runCommand(
  new Command("maintain")
    .description(
      "Make and drop partitions, end requests whose gateway died, forget what has expired.",
    )
    .addHelpText("after", environmentHelp(["DATABASE_URL"]))
    .action(async () => {
      const { DATABASE_URL } = readEnvironment(["DATABASE_URL"]);
      await withDatabase(DATABASE_URL, async (sql) => {
        for (const [what, step] of STEPS) {
          let total = 0;
          for (let count = -1; count !== 0; total += count) {
            const [row] = await sql<{ count: string }[]>`
              select public.${sql(step)}()::text as count`;
            count = Number(row!.count);
          }
          console.log(`${what}: ${total}`);
        }
        // Last, because it locks the log until its transaction ends; what is made and what is dropped
        // is so in a transaction of its own.
        const partitions = { created: 0, dropped: 0, postponed: 0 };
        for (let isDone = false; !isDone;) {
          const [row] = await sql<{ done: Partitions }[]>`
            select public.maintain_request_log_partitions() as done`;
          const { created, dropped, postponed } = row!.done;
          partitions.created += created.length;
          partitions.dropped += dropped.length;
          if (postponed !== null) partitions.postponed++;
          isDone = postponed !== null || created.length + dropped.length === 0;
        }
        for (const [what, count] of Object.entries(partitions)) {
          console.log(`${what}_partitions: ${count}`);
        }
      });
    }),
);

/** What one call made, dropped, and left for the next run because somebody uses the log; names. */
interface Partitions {
  created: string[];
  dropped: string[];
  postponed: string | null;
}
