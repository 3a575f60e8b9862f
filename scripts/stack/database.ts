/** The stack's database: a cluster that holds a fresh Supabase project. */
import postgres from "postgres";
import { createCluster, removeUnfinished } from "./create_cluster.ts";
import type { DataFolder } from "./data_folder.ts";
import { StackError } from "./errors.ts";
import { isThere } from "./files.ts";
import { LOOPBACK } from "./ports.ts";
import { type Cluster, startCluster } from "./start_cluster.ts";

/** Login roles that the stack itself uses. */
export type DatabaseRole = "supabase_admin" | "postgres" | "authenticator";

export interface Database {
  cluster: Cluster;
  url(role: DatabaseRole): string;
}

/** Starts the folder's database; the first time, makes it. */
export async function startDatabase(
  { folder, port, durable, exposeNewTables, onProgress, signal }: {
    folder: DataFolder;
    port: number;
    durable: boolean;
    exposeNewTables: boolean;
    onProgress: (message: string) => void;
    signal: AbortSignal;
  },
): Promise<Database> {
  const password = folder.secrets.databasePassword;
  await removeUnfinished(folder.cluster);
  if (!await isThere(folder.cluster)) {
    onProgress("making a PostgreSQL 17 database");
    await createCluster({
      directory: folder.cluster,
      superuser: "supabase_admin",
      password,
      durable,
      signal,
    });
  }
  onProgress("starting PostgreSQL");
  const cluster = await startCluster({
    directory: folder.cluster,
    logFile: folder.logFile,
    port,
    durable,
    signal,
  });
  const url = (role: DatabaseRole) =>
    `postgres://${role}:${password}@${LOOPBACK}:${cluster.port}/postgres`;
  try {
    await makeFreshProject(url("supabase_admin"), password, exposeNewTables);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return { cluster, url };
}

/** The default privileges of a project from before October 2026. */
export const EXPOSE_NEW_TABLES = ["tables", "functions", "sequences"].map((kind) =>
  `alter default privileges for role postgres in schema public
     grant all on ${kind} to anon, authenticated, service_role;`
).join("\n");

/** In one transaction, so that there is either all of it or nothing. */
async function makeFreshProject(
  adminUrl: string,
  password: string,
  exposeNewTables: boolean,
): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.begin(async (sql) => {
      const [auth] = await sql`select to_regnamespace('auth') is not null as there`;
      if (auth?.there) return;
      await sql.unsafe(await Deno.readTextFile(new URL("fresh_project.sql", import.meta.url)));
      if (exposeNewTables) await sql.unsafe(EXPOSE_NEW_TABLES);
      for (const role of ["postgres", "authenticator"] satisfies DatabaseRole[]) {
        // `alter role` takes no parameters; the password is hex.
        await sql.unsafe(`alter role ${role} password '${password}'`);
      }
    });
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || error.code !== "28P01") throw error;
    throw new StackError(
      "the password in secrets.json does not open the database beside it; " +
        "delete the data folder (.dev) to begin anew",
      { cause: error },
    );
  } finally {
    await sql.end();
  }
}
