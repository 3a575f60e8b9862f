/** The development stack: PostgreSQL, a fresh Supabase project, its migrations, the Data API. */
import { createDataApi } from "./data_api.ts";
import { legacySecretKey, publicKeyOf } from "./data_api/verify_jwt.ts";
import { DEV_FOLDER, openDataFolder, temporaryDataFolder } from "./data_folder.ts";
import type { Handler } from "./drain.ts";
import { StackError } from "./errors.ts";
import { type Mount, serveMounts } from "./mounts.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { startProjectDatabase } from "./project_database.ts";
import { within } from "./within.ts";

export interface StackOptions {
  /** The API's port; 0: any free one. */
  port: number;
  /** PostgreSQL's port; 0: any free one. */
  dbPort: number;
  /** A database of its own that is deleted at the end, instead of the one in `.dev/`. */
  ephemeral: boolean;
  /**
   * The data folder of a stopped stack, whose copy an ephemeral database begins as: in a tenth of the
   * time that a new one takes.
   */
  template?: string | undefined;
  /** Whether a commit waits for the disk, as on a server; by default unless the database is ephemeral. */
  durable?: boolean;
  /**
   * Whether what migrations create in `public` is open to the API's roles until they revoke that, as
   * in projects before October 2026. By default they must grant whatever shall be open.
   */
  exposeNewTables?: boolean;
  /** Whether a database without requests gets the made-up history of supabase/seed.sql. */
  seed?: boolean;
  /** What answers requests for a path and those below it until something is mounted there. */
  untilMounted?: Record<string, Handler>;
  /** What the stack is doing, one line at a time. */
  onProgress?: (message: string) => void;
  /** Aborting it before the stack is there makes startStack release everything and throw. */
  signal?: AbortSignal;
}

export interface Stack {
  /** SUPABASE_URL, e.g. `http://127.0.0.1:54321`. */
  url: string;
  publishableKey: string;
  /** By name, as SUPABASE_SECRET_KEYS holds them. */
  secretKeys: { default: string };
  /** Of the role `postgres`, which owns the project's objects and is no superuser. */
  databaseUrl: string;
  /** Signs the JWTs that the Data API accepts, HS256. */
  jwtSecret: string;
  /** For API_KEY_ENCRYPTION_KEY where nobody sets it; as lasting as the database. */
  encryptionKey: string;
  /** For GATEWAY_JWT_KEY: a private ES256 JWK, whose public half the Data API knows; JSON. */
  jwtKey: string;
  /** The Data API without the network. */
  fetch(request: Request): Promise<Response>;
  /** Puts another handler over a part of the Data API. */
  mount: Mount;
  /** Where the database, the secrets and PostgreSQL's log are. */
  dataFolder: string;
  /** Resolves if PostgreSQL ends, or the API's port is lost, while the stack should be running. */
  failed: Promise<Error>;
  stop(): Promise<void>;
}

const SHUTDOWN_MS = 2000;

/**
 * Starts the stack on the loopback interface.
 *
 * @throws {StackError} for what a person can put right: a taken port, a folder in use, a migration
 */
export async function startStack({
  port,
  dbPort,
  ephemeral,
  template,
  durable = !ephemeral,
  exposeNewTables = false,
  seed = false,
  untilMounted = {},
  onProgress = () => {},
  signal = new AbortController().signal,
}: StackOptions): Promise<Stack> {
  await using starting = new AsyncDisposableStack();

  const folder = starting.use(
    ephemeral ? await temporaryDataFolder(template) : await openDataFolder(DEV_FOLDER),
  );
  freePort(port, "PORT"); // before any work, so that a taken port is known at once
  const { cluster, url } = await startProjectDatabase({
    folder,
    port: dbPort,
    durable,
    exposeNewTables,
    seed,
    onProgress,
    signal,
  });
  let stopping = false;
  starting.defer(() => {
    stopping = true;
    return cluster.stop();
  });

  const dataApi = createDataApi(url("authenticator"), {
    ...folder.secrets,
    verificationKeys: [
      legacySecretKey(folder.secrets.jwtSecret),
      publicKeyOf(folder.secrets.jwtKey),
    ],
  });
  // A request that hangs keeps its connection; PostgreSQL's own end closes that one.
  starting.defer(async () => void await within(SHUTDOWN_MS, dataApi.close()));

  const server = serveMounts(port, (request) => dataApi.fetch(request), untilMounted);
  starting.defer(() => server.stop());
  signal.throwIfAborted();

  const ended = cluster.ended.then(() => {
    if (stopping) return new Promise<never>(() => {});
    return new StackError(`PostgreSQL ended; its log is ${folder.logFile}`);
  });
  const portLost = server.finished.then(() => new Promise<never>(() => {}), (error) => error);
  const failed = Promise.race([ended, portLost]);
  const running = starting.move();
  return {
    url: `http://${LOOPBACK}:${server.port}`,
    publishableKey: folder.secrets.publishableKey,
    secretKeys: { default: folder.secrets.secretKey },
    databaseUrl: url("postgres"),
    jwtSecret: folder.secrets.jwtSecret,
    encryptionKey: folder.secrets.encryptionKey,
    jwtKey: folder.secrets.jwtKey,
    fetch: dataApi.fetch,
    mount: server.mount,
    dataFolder: folder.path,
    failed,
    stop: () => running.disposeAsync(),
  };
}
