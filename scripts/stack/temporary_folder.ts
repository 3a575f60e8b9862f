/** Folders among the operating system's temporary files. */
import { StackError } from "./errors.ts";

/** Makes one. @throws {StackError} where none can be made */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  return await Deno.makeTempDir({ prefix }).catch((error) => {
    const remedy = "Name one that this user may write in by the variable TMPDIR.";
    throw unusable(error, "the folder of temporary files", remedy);
  });
}

/** What a person is told where the operating system, whose errors have a code, does not let us. */
export function unusable(error: unknown, what: string, remedy: string): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  return new StackError(`${what} cannot be used: ${error.message}\n${remedy}`);
}
