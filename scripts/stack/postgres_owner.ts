/** The operating system's user that PostgreSQL runs as. */
import { runChild } from "./child.ts";
import { StackError } from "./errors.ts";

export interface PostgresOwner {
  /** The command line that runs a program as this user. */
  command(argv: [string, ...string[]]): [string, ...string[]];
  /** Makes this user the owner of a directory. */
  give(directory: string): Promise<void>;
}

/**
 * Ourselves, or `nobody` when we are root, which PostgreSQL refuses to run as. `nobody` keeps one
 * of root's capabilities, to reach files below directories that are root's alone: a checkout in
 * /root or in a temporary folder.
 *
 * @throws {StackError} for root on a system without setpriv (util-linux)
 */
export async function asPostgresOwner(): Promise<PostgresOwner> {
  if (Deno.uid() !== 0) return { command: (argv) => argv, give: () => Promise.resolve() };
  const uid = await idOfNobody("-u");
  const gid = await idOfNobody("-g");
  return {
    command: (argv) => [
      "setpriv",
      `--reuid=${uid}`,
      `--regid=${gid}`,
      "--clear-groups",
      "--inh-caps=+dac_override",
      "--ambient-caps=+dac_override",
      // access(2), by which initdb looks for its programs, ignores capabilities without this.
      "--securebits=+no_setuid_fixup",
      "--",
      ...argv,
    ],
    give: (directory) => Deno.chown(directory, uid, gid),
  };
}

async function idOfNobody(flag: "-u" | "-g"): Promise<number> {
  try {
    await runChild("setpriv", ["--version"]);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new StackError("PostgreSQL does not run as root; run this as an ordinary user");
  }
  const { code, output } = await runChild("id", [flag, "nobody"]);
  if (code !== 0) {
    throw new StackError("PostgreSQL does not run as root, and there is no user `nobody`");
  }
  return Number(output);
}
