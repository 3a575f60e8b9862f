/**
 * `deno task seed`: a made-up history for an empty database, the same for the same seed and day.
 *
 * Environment: DATABASE_URL. With --print it prints supabase/seed.sql instead.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { runCommand } from "./command.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { deliver } from "./report/options.ts";
import { enterHistory } from "./seed/enter_history.ts";
import { makeHistory } from "./seed/history.ts";
import { seedFile } from "./seed/seed_file.ts";

const DAY_MS = 86_400_000;
/** What --print makes: the same on every day. */
const SMALL = { dids: 6, days: 14, rows: 200, seed: 1, today: new Date(0), passedMs: DAY_MS };

function count(most: number) {
  return (text: string) => {
    if (/^[1-9][0-9]{0,8}$/.test(text) && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`);
  };
}

interface SeedOptions {
  dids: number;
  days: number;
  rows: number;
  seed: number;
  print?: boolean;
}

await runCommand(
  new Command("seed")
    .description("Fill an empty database with a made-up history, the same for the same seed.")
    .addOption(
      new Option("--dids <n>", "how many DIDs").argParser(count(100_000)).default(50),
    )
    .addOption(
      new Option("--days <n>", "how many days, today included").argParser(count(3650)).default(60),
    )
    .addOption(
      new Option("--rows <n>", "how many requests").argParser(count(10_000_000)).default(100_000),
    )
    .addOption(new Option("--seed <n>", "chance").argParser(count(2 ** 29)).default(1))
    .option("--print", "print the small history of supabase/seed.sql, and enter nothing")
    .addHelpText("after", environmentHelp(["DATABASE_URL"]))
    .action(async ({ print = false, ...options }: SeedOptions) => {
      if (print) return await deliver(seedFile(makeHistory(SMALL)), undefined);
      const { DATABASE_URL } = readEnvironment(["DATABASE_URL"]);
      const now = Date.now();
      const passedMs = now % DAY_MS;
      const today = new Date(now - passedMs);
      const history = makeHistory({ ...options, today, passedMs });
      await withDatabase(
        DATABASE_URL,
        (sql) =>
          enterHistory(sql, history, today.toISOString().slice(0, 10), (done) => {
            console.error(`${done} of ${history.rows.length} requests`);
          }),
      );
    }),
);
