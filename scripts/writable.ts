/** What a command is to write its result to, looked at before the work. */
import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { oneLine, UsageError } from "./command.ts";

/**
 * Lets a file that cannot be written fail before the work, which would be lost: under Node, too, where the
 * package's `did usage` runs.
 *
 * @throws {UsageError} where no file can be written there
 */
export async function expectWritable(output: string | undefined): Promise<void> {
  if (output === undefined) return;
  try {
    const found = await stat(output).catch((error) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (found?.isDirectory()) throw new UsageError("it is a folder");
    await access(found === null ? dirname(output) : output, constants.W_OK);
  } catch (error) {
    throw new UsageError(`${output} cannot be written: ${oneLine(error)}`);
  }
}
