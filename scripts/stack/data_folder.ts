/** The folder that holds a stack's database and secrets. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StackError } from "./errors.ts";
import { loadOrCreateSecrets, type StackSecrets } from "./secrets.ts";

export const PROJECT_ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface DataFolder extends AsyncDisposable {
  path: string;
  /** The cluster's directory, which need not exist yet. */
  cluster: string;
  logFile: string;
  secrets: StackSecrets;
}

/** Where the data are that persist; git ignores it. */
export const DEV_FOLDER = join(PROJECT_ROOT, ".dev");

/**
 * Opens a folder that persists, which no other stack may use meanwhile. Makes it if need be.
 *
 * @throws {StackError} when another stack uses it
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const lock = await takeLock(path);
  return await contents(path, () => Promise.resolve(lock.close()));
}

/** Makes a folder that is deleted when it is disposed. */
export async function temporaryDataFolder(): Promise<DataFolder> {
  const path = await Deno.makeTempDir({ prefix: "llm-gateway-" });
  return await contents(path, () => Deno.remove(path, { recursive: true }));
}

async function contents(path: string, dispose: () => Promise<void>): Promise<DataFolder> {
  return {
    path,
    cluster: join(path, "postgres"),
    logFile: join(path, "postgres.log"),
    secrets: await loadOrCreateSecrets(join(path, "secrets.json")),
    [Symbol.asyncDispose]: dispose,
  };
}

/** A lock of the operating system, which ends with its holder, however that ends. */
async function takeLock(folder: string): Promise<Deno.FsFile> {
  const file = await Deno.open(join(folder, "lock"), { create: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new StackError(
    `another stack uses ${folder}: stop it first, or start this one with EPHEMERAL=1 ` +
      "(and other ports) to give it a database of its own",
  );
}
