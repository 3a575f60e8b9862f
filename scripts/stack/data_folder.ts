/** The folder that holds a stack's database and secrets. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./child.ts";
import { StackError } from "./errors.ts";
import { loadOrCreateSecrets, type StackSecrets } from "./secrets.ts";
import { makeTemporaryFolder, unusable } from "./temporary_folder.ts";

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
 * @throws {StackError} when another stack uses it, or this user cannot
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    const lock = await takeLock(path);
    return await contents(path, () => Promise.resolve(lock.close()));
  } catch (error) {
    throw unusable(
      error,
      `the data folder ${path}`,
      "Let this user write there, or start with EPHEMERAL=1, which keeps nothing.",
    );
  }
}

/**
 * Makes a folder that is deleted when it is disposed.
 *
 * @param template the data folder of a stack that has stopped: the new one begins as a copy of its
 *   database and secrets
 * @throws {StackError} when it cannot be copied, or nothing be made among temporary files
 */
export async function temporaryDataFolder(template?: string): Promise<DataFolder> {
  const path = await makeTemporaryFolder("llm-gateway-");
  const remove = () => Deno.remove(path, { recursive: true });
  try {
    if (template !== undefined) await copyData(template, path);
    return await contents(path, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Keeps the owner: a user that PostgreSQL runs as where we are root. */
async function copyData(from: string, to: string): Promise<void> {
  const data = [CLUSTER, SECRETS].map((name) => join(from, name));
  const { code, output } = await runChild("cp", ["-a", ...data, to]);
  if (code !== 0) throw new StackError(`the data folder ${from} could not be copied:\n${output}`);
}

const CLUSTER = "postgres";
const SECRETS = "secrets.json";

async function contents(path: string, dispose: () => Promise<void>): Promise<DataFolder> {
  return {
    path,
    cluster: join(path, CLUSTER),
    logFile: join(path, "postgres.log"),
    secrets: await loadOrCreateSecrets(join(path, SECRETS)),
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
