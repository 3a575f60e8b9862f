/** The database of a data folder, with the project's migrations, before anybody serves it. */
import postgres from "postgres";
import { type Database, startDatabase } from "./database.ts";
import { type DataFolder, PROJECT_ROOT, temporaryDataFolder } from "./data_folder.ts";
import { loadSeed } from "./load_seed.ts";
import { migrate } from "./migrate.ts";

export interface ProjectDatabaseOptions {
  folder: DataFolder;
  /** 0: any free one. */
  port: number;
  durable: boolean;
  exposeNewTables: boolean;
  seed: boolean;
  onProgress: (message: string) => void;
  signal: AbortSignal;
}

/**
 * Starts it, and brings it to the project's migrations.
 *
 * @throws {StackError} for what a person can put right
 */
export async function startProjectDatabase(
  { seed, ...options }: ProjectDatabaseOptions,
): Promise<Database> {
  const { onProgress, signal } = options;
  const database = await startDatabase(options);
  try {
    const databaseUrl = database.url("postgres");
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
    try {
      await migrate({ sql, databaseUrl, projectRoot: PROJECT_ROOT, onProgress, signal });
      if (seed) await loadSeed({ sql, projectRoot: PROJECT_ROOT, onProgress });
    } finally {
      await sql.end();
    }
  } catch (error) {
    await database.cluster.stop();
    throw error;
  }
  return database;
}

/** Makes a temporary data folder that ephemeral stacks can begin as copies of. */
export async function makeTemplate(signal: AbortSignal): Promise<DataFolder> {
  await using making = new AsyncDisposableStack();
  const folder = making.use(await temporaryDataFolder());
  const { cluster } = await startProjectDatabase({
    folder,
    port: 0,
    durable: false,
    exposeNewTables: false,
    seed: false,
    onProgress: () => {},
    signal,
  });
  await cluster.stop();
  making.move();
  return folder;
}
