/** What a soak runs in: processes that can be stopped, killed and started again one by one. */
import { signalProcess } from "../stack/child.ts";
import { startProcess } from "../bench/process.ts";
import { type DatabaseRole, startDatabase } from "../stack/database.ts";
import { type DataFolder, PROJECT_ROOT, temporaryDataFolder } from "../stack/data_folder.ts";
import { readIfThere } from "../stack/files.ts";
import { migrate } from "../stack/migrate.ts";
import { freePort, LOOPBACK } from "../stack/ports.ts";
import { type Cluster, startCluster } from "../stack/start_cluster.ts";
import { withDatabase } from "../operator/database.ts";
import { AUDIENCE } from "../../supabase/functions/tests/harness/client.ts";
import {
  type GatewayProcess,
  startGateways,
} from "../../supabase/functions/tests/harness/gateway_process.ts";
import {
  type OpenRouter,
  startOpenRouter,
} from "../../supabase/functions/tests/harness/openrouter.ts";
import { DID_WEB_HOST } from "./people.ts";

export interface WorldOptions {
  /** Under the Deno of Supabase's Edge Runtime, with its heap. */
  edge: boolean;
  /** DID documents by their URLs. */
  didDocuments: Record<string, unknown>;
  onProgress: (message: string) => void;
  signal: AbortSignal;
}

/** A server that can go away and come back where it was. */
export interface Server {
  /** In an orderly way. */
  stop(): Promise<void>;
  /** As a crash ends it. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface SoakWorld extends AsyncDisposable {
  postgres: Server & { url(role: DatabaseRole): string };
  dataApi: Server;
  /** `current` is another process after each start, at another port. */
  gateway: Server & { current: GatewayProcess };
  openrouter: OpenRouter;
  /** A secret key of the project. */
  secretKey: string;
}

/** About OpenRouter's own, shortened: how long it does not know a generation. */
const GENERATION_DELAY_MS = 1_500;
const ANALYTICS_DELAY_MS = 3_000;

/** Starts everything. @throws {StackError} */
export async function startWorld(
  { edge, didDocuments, onProgress, signal }: WorldOptions,
): Promise<SoakWorld> {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await temporaryDataFolder());
  const postgres = await startPostgres(folder, onProgress, signal);
  starting.defer(postgres.stop);
  const dataApi = dataApiOf(folder, postgres.url("authenticator"));
  starting.defer(dataApi.stop);
  onProgress("starting the Data API, OpenRouter's simulator and the gateway");
  await dataApi.start();
  const openrouter = await startOpenRouter({
    generationDelayMs: GENERATION_DELAY_MS,
    analyticsDelayMs: ANALYTICS_DELAY_MS,
  });
  starting.defer(openrouter.stop);
  const { secretKey, encryptionKey, jwtKey } = folder.secrets;
  const gateway = await startGateway(edge, {
    SUPABASE_URL: dataApi.url,
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: secretKey }),
    OPENROUTER_API_URL: openrouter.url,
    OPENROUTER_PROVISIONING_KEY: openrouter.managementKey,
    API_KEY_ENCRYPTION_KEY: encryptionKey,
    GATEWAY_AUDIENCE: AUDIENCE,
    GATEWAY_JWT_KEY: jwtKey,
    DID_WEB_HOSTS: DID_WEB_HOST,
    SOAK_DID_DOCUMENTS: JSON.stringify(didDocuments),
  });
  starting.defer(() => gateway.stop());
  const running = starting.move();
  return {
    postgres,
    dataApi,
    gateway,
    openrouter,
    secretKey,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startPostgres(
  folder: DataFolder,
  onProgress: (message: string) => void,
  signal: AbortSignal,
): Promise<SoakWorld["postgres"]> {
  const { cluster, url } = await startDatabase({
    folder,
    port: 0,
    // What was committed must be there after a crash, as on a server.
    durable: true,
    exposeNewTables: false,
    onProgress,
    signal,
  });
  const { port } = cluster;
  let current: Cluster = cluster;
  const databaseUrl = url("postgres");
  try {
    await withDatabase(
      databaseUrl,
      (sql) => migrate({ sql, databaseUrl, projectRoot: PROJECT_ROOT, onProgress, signal }),
    );
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return {
    url,
    stop: () => current.stop(),
    async kill() {
      const pid = Number.parseInt(await readIfThere(`${folder.cluster}/postmaster.pid`));
      // Postgres's "immediate shutdown": it writes nothing, and recovers when it starts again.
      signalProcess(pid, "SIGQUIT");
      await current.ended;
    },
    async start() {
      const { cluster: directory, logFile } = folder;
      current = await startCluster({ directory, logFile, port, durable: true, signal });
    },
  };
}

function dataApiOf(folder: DataFolder, databaseUrl: string): Server & { url: string } {
  const port = freePort(0, "PORT");
  let current: Awaited<ReturnType<typeof startProcess>> | null = null;
  return {
    url: `http://${LOOPBACK}:${port}`,
    async stop() {
      await current?.[Symbol.asyncDispose]();
      current = null;
    },
    async kill() {
      await current?.kill();
      current = null;
    },
    async start() {
      current = await startProcess("scripts/soak/data_api_process.ts", {
        DATA_FOLDER: folder.path,
        DATABASE_URL: databaseUrl,
        PORT: String(port),
      });
    },
  };
}

async function startGateway(
  edge: boolean,
  env: Record<string, string>,
): Promise<SoakWorld["gateway"]> {
  const options = { edge, measured: true, script: "scripts/soak/gateway_process.ts" };
  const start = async () => (await startGateways(1, env, options))[0]!;
  const gateway = {
    current: await start(),
    stop: () => gateway.current.stop(),
    kill: () => gateway.current.kill(),
    async start() {
      gateway.current = await start();
    },
  };
  return gateway;
}
