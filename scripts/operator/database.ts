/** Postgres as the operator's commands use it. */
import process from "node:process";
import postgres from "postgres";
import { oneLine } from "../command.ts";

export type Sql = postgres.Sql;

/**
 * Runs something with a connection and closes it after.
 *
 * @param databaseUrl of the role `postgres`
 * @throws {Error} in words for the operator where the database cannot be reached
 */
export async function withDatabase<T>(
  databaseUrl: string,
  use: (sql: Sql) => Promise<T>,
): Promise<T> {
  const sql = postgres(databaseUrl, {
    ...connectionOf(databaseUrl),
    max: 1,
    // Supabase's transaction pooler knows no prepared statements.
    prepare: false,
    connect_timeout: 15,
    onnotice: () => {},
    // The client reads dates and times in this style alone.
    connection: { DateStyle: "ISO" },
  });
  process.on("uncaughtException", endAtLostConnection);
  try {
    return await use(sql);
  } catch (error) {
    throw explained(error);
  } finally {
    await sql.end({ timeout: 5 });
    process.off("uncaughtException", endAtLostConnection);
  }
}

/**
 * What `postgres` 3.4.9 does not make of a URL: TLS wherever the server has it, as psql does, unless the
 * URL says otherwise; and an IPv6 address, which it cuts at its first colon.
 */
export function connectionOf(databaseUrl: string): postgres.Options<Record<string, never>> {
  const { hostname, port, searchParams } = new URL(databaseUrl);
  const saysHow = ["ssl", "sslmode", "sslrootcert"].some((name) => searchParams.has(name));
  const address = /^\[(.+)\]$/.exec(hostname)?.[1];
  // The types know nothing of lists of hosts.
  const place: object = address === undefined
    ? {}
    : { host: [address], port: [Number(port || 5432)] };
  return { ...(saysHow ? {} : { ssl: "prefer" }), ...place };
}

/** `postgres` 3.4.9 rolls back on a socket that has closed, which nobody can catch. */
function endAtLostConnection(error: unknown): never {
  console.error(`error: the connection to the database was lost: ${oneLine(error)}`);
  process.exit(1);
}

const UNKNOWN_AUTHORITY = "the database's certificate is of an authority that is not known here: " +
  "DENO_CERT must name a file with that one's; the project's dashboard has it under Project Settings, " +
  "Database";

/** What cannot be reached, or does not let us in, by its code: what to look at. */
const HINTS: Record<string, string> = {
  "28P01": "the password in DATABASE_URL is not the database's",
  "28000": "the user in DATABASE_URL may not log in",
  "3D000": "DATABASE_URL names a database that is not there",
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the database's certificate is of another host than DATABASE_URL names",
  ENOTFOUND: "DATABASE_URL names a host that is not known",
  ECONNREFUSED: "nothing listens where DATABASE_URL points to",
  CONNECT_TIMEOUT: "no answer from where DATABASE_URL points to; " +
    "a project's direct connection needs IPv6, its session pooler does not",
};

function explained(error: unknown): unknown {
  const hint = HINTS[(error as { code?: string } | null)?.code ?? ""];
  return hint === undefined ? error : new Error(`${hint}: ${oneLine(error)}`, { cause: error });
}
