/** A PostgreSQL data directory: made completely, or not at all. */
import { basename, dirname, join } from "node:path";
import { runChild } from "./child.ts";
import { StackError } from "./errors.ts";
import { removeIfThere } from "./files.ts";
import { postgresBinaries } from "./postgres_binaries.ts";
import { asPostgresOwner } from "./postgres_owner.ts";

/**
 * Makes a new, empty cluster at `directory`, or nothing: it is made under another name and renamed
 * when it is complete, so that an interrupted attempt is never taken for a cluster.
 */
export async function createCluster(
  { directory, superuser, password, durable, signal }: {
    directory: string;
    superuser: string;
    password: string;
    durable: boolean;
    signal: AbortSignal;
  },
): Promise<void> {
  const { initdb } = await postgresBinaries();
  const owner = await asPostgresOwner();
  const unfinished = await Deno.makeTempDir({
    dir: dirname(directory),
    prefix: unfinishedPrefix(directory),
  });
  const passwordFile = `${unfinished}.password`;
  try {
    await owner.give(unfinished);
    await Deno.writeTextFile(passwordFile, `${password}\n`, { mode: 0o600 });
    const [command, ...args] = owner.command([
      initdb,
      `--pgdata=${unfinished}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // The builtin provider sorts alike on every operating system.
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-instructions",
      ...(durable ? [] : ["--no-sync"]),
    ]);
    const { code, output } = await runChild(command, args, { signal });
    if (code !== 0) throw new StackError(`PostgreSQL could not make its data folder:\n${output}`);
    await Deno.rename(unfinished, directory);
  } finally {
    await removeIfThere(unfinished);
    await removeIfThere(passwordFile);
  }
}

/** Removes what interrupted attempts to make the cluster left beside it. */
export async function removeUnfinished(directory: string): Promise<void> {
  const parent = dirname(directory);
  for await (const { name } of Deno.readDir(parent)) {
    if (name.startsWith(unfinishedPrefix(directory))) await removeIfThere(join(parent, name));
  }
}

function unfinishedPrefix(directory: string): string {
  return `${basename(directory)}.unfinished-`;
}
