/** What a test file runs in: a stack, OpenRouter's simulator, and processes of the gateway. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { WITHOUT_LIMITS } from "../../../../scripts/stack/without_limits.ts";
import { AUDIENCE } from "./client.ts";
import { type Database, openDatabase } from "./database.ts";
import { type GatewayOptions, type GatewayProcess, startGateways } from "./gateway_process.ts";
import { type OpenRouter, startOpenRouter } from "./openrouter.ts";
import { openStack, startFreshStack, type TestStack } from "./stack.ts";

export interface World {
  stack: TestStack;
  db: Database;
  openrouter: OpenRouter;
  /** The first of the gateways. */
  gateway: GatewayProcess;
  gateways: GatewayProcess[];
  /** API_KEY_ENCRYPTION_KEY. */
  encryptionKey: string;
  /** What a further gateway needs in its environment. */
  env: Record<string, string>;
  /** Stops something before what is here already. */
  defer(stop: () => Promise<void>): void;
}

/**
 * Starts a world before the file's first test and stops it after the last.
 *
 * @param env added to the gateways' environment
 * @param delays how much later OpenRouter knows of a generation
 * @param freshStack a database of the file's own, for what looks at all accounts
 * @param withLimits whether the limits are those of a new gateway; by default there are none
 * @returns an object whose members are there once the first test runs
 */
export function useWorld(
  {
    gateways: count = 1,
    env = {},
    delays = {},
    freshStack = false,
    withLimits = false,
    ...options
  }: {
    gateways?: number;
    env?: Record<string, string>;
    delays?: { generationDelayMs?: number; analyticsDelayMs?: number };
    freshStack?: boolean;
    withLimits?: boolean;
  } & GatewayOptions = {},
): World {
  const world = {} as World;
  const running = new AsyncDisposableStack();

  async function start() {
    const stack = await (freshStack ? startFreshStack() : openStack());
    running.defer(stack.stop);
    const db = openDatabase(stack.databaseUrl);
    running.defer(() => db.sql.end());
    if (!withLimits) await db.sql.unsafe(WITHOUT_LIMITS);
    const openrouter = await startOpenRouter(delays);
    running.defer(openrouter.stop);
    const encryptionKey = Buffer.from(randomBytes(32)).toString("base64");
    const gatewayEnv = {
      SUPABASE_URL: stack.url,
      SUPABASE_SECRET_KEYS: stack.secretKeys,
      OPENROUTER_API_URL: openrouter.url,
      OPENROUTER_PROVISIONING_KEY: openrouter.managementKey,
      API_KEY_ENCRYPTION_KEY: encryptionKey,
      GATEWAY_AUDIENCE: AUDIENCE,
      GATEWAY_JWT_KEY: stack.jwtKey,
      // Tests look for the lines of their requests, and nothing here keeps count of them.
      LOG_SUCCESSES: "all",
      ...env,
    };
    const gateways = await startGateways(count, gatewayEnv, options);
    for (const gateway of gateways) running.defer(gateway.stop);
    const started: World = {
      stack,
      db,
      openrouter,
      gateway: gateways[0]!,
      gateways,
      encryptionKey,
      env: gatewayEnv,
      defer: (stop) => running.defer(stop),
    };
    Object.assign(world, started);
  }

  Deno.test.beforeAll(async () => {
    try {
      await start();
    } catch (error) {
      await running.disposeAsync();
      throw error;
    }
  });
  Deno.test.afterAll(() => running.disposeAsync());
  return world;
}
