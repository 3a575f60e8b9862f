/** The options that `deno task report` and `did usage` share. */
import { InvalidArgumentError, Option } from "commander";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { type Format, FORMATS } from "./formats.ts";

export interface ReportOptions {
  from?: string;
  to?: string;
  days: number;
  format: Format;
  output?: string;
}

export const reportOptions = () => [
  new Option("--from <date>", "the first day, UTC, e.g. 2026-11-01"),
  new Option("--to <date>", "the last day (default: today)"),
  new Option("--days <n>", "how many days, where --from is not given").argParser(days).default(30),
  new Option("--format <format>", "of what is printed").choices(FORMATS).default("table"),
  new Option("--output <file>", "write it there instead"),
];

function days(text: string): number {
  if (/^[1-9][0-9]{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number of days from 1 to 99999.");
}

/**
 * To the file, or to standard output: under Node, too, where the package's `did usage` runs. Whoever
 * reads that may stop before the end, as `head` does.
 */
export async function deliver(text: string, output: string | undefined): Promise<void> {
  if (output !== undefined) return await writeFile(output, text);
  await new Promise<void>((resolve, reject) => {
    function ended(error?: Error | null) {
      const { code } = (error ?? {}) as { code?: string };
      if (error && code !== "EPIPE") reject(error);
      else resolve();
    }
    // The stream tells it its listeners as well, and throws where it has none.
    process.stdout.once("error", ended);
    process.stdout.write(text, ended);
  });
}
