/** `did usage`: what one's own DID has used and spent, in the terminal, as CSV, JSON, or a page. */
import { Command, type Option } from "commander";
import { expectWritable } from "../writable.ts";
import { written } from "./formats.ts";
import { deliver, type ReportOptions, reportOptions } from "./options.ts";
import { type Gateway, readOwnUsage } from "./own_usage.ts";
import { rangeOf } from "./range.ts";

/**
 * Makes the command.
 *
 * @param gatewayOptions the options that say which gateway and whose identity
 * @param connect makes a signing fetch of what they say
 */
export function usageCommand<Options>(
  gatewayOptions: Option[],
  connect: (options: Options) => Promise<Gateway>,
): Command {
  const command = new Command("usage")
    .description("show what you have used and spent")
    .action(async (options: ReportOptions & Options) => {
      const range = rangeOf(options, Date.now());
      await expectWritable(options.output);
      const report = await readOwnUsage(await connect(options), range);
      await deliver(await written(report, options.format), options.output);
    });
  for (const option of [...reportOptions(), ...gatewayOptions]) command.addOption(option);
  return command;
}
