/** Databases to apply files to: each is a fresh Supabase project, all of one server. */
import postgres from "postgres";
import { EXPOSE_NEW_TABLES, startDatabase } from "../stack/database.ts";
import { temporaryDataFolder } from "../stack/data_folder.ts";
import type { SqlFile } from "./sources.ts";

export interface Databases extends AsyncDisposable {
  /**
   * Makes a project with a stand-in of pg_cron. The connection is the migrations' owner's.
   *
   * @param exposeNewTables as startStack has it: whether what is new is open to the API's roles
   */
  create(options: { exposeNewTables: boolean }): Promise<Project>;
}

export interface Project {
  sql: postgres.Sql;
  url: string;
}

/** Starts a server. Disposing ends it and deletes all of it. */
export async function startDatabases(): Promise<Databases> {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await temporaryDataFolder());
  const { cluster, url } = await startDatabase({
    folder,
    port: 0,
    durable: false,
    exposeNewTables: false,
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  starting.defer(cluster.stop);
  const connections = starting.use(new AsyncDisposableStack());
  const connect = (role: Parameters<typeof url>[0], name: string) => {
    const { href } = Object.assign(new URL(url(role)), { pathname: name });
    const sql = postgres(href, { max: 1, onnotice: () => {} });
    connections.defer(() => sql.end());
    return { sql, url: href };
  };
  const admin = connect("supabase_admin", "template1");
  const standIn = await Deno.readTextFile(new URL("pg_cron_stand_in.sql", import.meta.url));
  const running = starting.move();
  let made = 0;
  return {
    async create({ exposeNewTables }) {
      const name = `project_${++made}`;
      await admin.sql`create database ${admin.sql(name)} template postgres owner postgres`;
      const project = connect("postgres", name);
      await project.sql.unsafe(standIn);
      if (exposeNewTables) await project.sql.unsafe(EXPOSE_NEW_TABLES);
      return project;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/**
 * Applies a file in one transaction.
 *
 * @throws {Error} that names the file and the line
 */
export async function applyFile(sql: postgres.Sql, { path, text }: SqlFile): Promise<void> {
  try {
    await sql.unsafe(text).simple();
  } catch (error) {
    if (!(error instanceof postgres.PostgresError)) throw error;
    const line = text.slice(0, Number(error.position) || 0).split("\n").length;
    throw new Error(`${path}:${line}: ${error.message}`, { cause: error });
  }
}
