/**
 * `deno task maintain`: asks the deployed function for maintenance, where no pg_cron does; and does what
 * only the owner of the database may, where DATABASE_URL is set.
 */
import { Command, InvalidArgumentError } from "commander";
import { setTimeout } from "node:timers/promises";
import { oneLine, runCommand } from "./command.ts";
import { onLauncherGone } from "./launcher.ts";
import { withDatabase } from "./operator/database.ts";
import { environmentHelp, readEnvironment } from "./operator/environment.ts";
import { GATEWAY_VARIABLES, gatewayTarget } from "./operator/gateway_routes.ts";
import { failuresOf, reportLines, requestMaintenance } from "./operator/maintenance_client.ts";

/** Timers take no more, and go off at once. */
const LONGEST_MS = 24 * 86_400_000;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 };

const HELP = `
What is done: requests whose gateway died end, costs are found, the books are
compared with OpenRouter's, and what has expired is forgotten. Where DATABASE_URL
is set, too, the log's partitions are made and dropped, as only their owner may.`;

/** `5m` → milliseconds. */
function duration(text: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,4})([smh])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("It looks like 30s, 5m or 1h.");
  const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (ms > LONGEST_MS) throw new InvalidArgumentError("It is 24 days at most.");
  return ms;
}

/** Null: it is not set. */
function ownersDatabase(): string | null {
  const isSet = (Deno.env.get("DATABASE_URL") ?? "").trim() !== "";
  return isSet ? readEnvironment(["DATABASE_URL"]).DATABASE_URL : null;
}

/**
 * One transaction each: what changes tables must not hold the locks of what locks rows. Months are made also
 * where nothing can be purged.
 *
 * @param note is told what failed
 */
async function ownersPart(databaseUrl: string, note: (error: unknown) => void): Promise<void> {
  await withDatabase(databaseUrl, async (sql) => {
    await sql<{ count: string }[]>`select public.purge_request_logs() as count`
      .then(([purged]) => console.log(`purged_requests: ${purged!.count}`), note);
    const [partitions] = await sql<{ done: Record<string, string[] | string | null> }[]>`
      select public.maintain_request_log_partitions() as done`;
    for (const [what, names] of Object.entries(partitions!.done)) {
      console.log(`partitions ${what}: ${[names ?? []].flat().join(", ") || "none"}`);
    }
  });
}

await runCommand(
  new Command("maintain")
    .description("Let the deployed function find costs, end lost requests and forget what expired.")
    .option("--every <time>", "again and again, e.g. 5m, instead of once", duration)
    .addHelpText("after", `${environmentHelp(GATEWAY_VARIABLES)}\n${HELP}`)
    .action(async ({ every }: { every?: number }) => {
      const target = gatewayTarget();
      const databaseUrl = ownersDatabase();

      /** Both parts, whatever becomes of the other: months go on while no gateway answers. */
      async function once(): Promise<void> {
        const failures: string[] = [];
        const note = (error: unknown) => void failures.push(oneLine(error));
        await requestMaintenance(target).then((report) => {
          for (const line of reportLines(report)) console.log(line);
          failures.push(...failuresOf(report));
        }).catch(note);
        if (databaseUrl !== null) {
          await ownersPart(databaseUrl, note).catch(note);
        }
        if (failures.length > 0) throw new Error(failures.join("; "));
      }

      if (every === undefined) return await once();
      onLauncherGone(() => Deno.exit());
      while (true) {
        // What fails now may be well by the next time.
        await once().catch((error) => console.error(`error: ${oneLine(error)}`));
        await setTimeout(every);
      }
    }),
);
