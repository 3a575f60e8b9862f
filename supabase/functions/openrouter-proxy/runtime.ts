/**
 * The gateway on a real runtime: its clock, its network, its log, its environment.
 */
import { ConfigError, configFromEnv } from "./config.ts";
import { GatewayError } from "./errors.ts";
import { createGateway } from "./gateway.ts";
import { refuseAll } from "./http/refuse_all.ts";
import { sendOnce } from "./http/send_once.ts";
import { createStore } from "./store.ts";

/** Supabase's Edge Runtime keeps a worker alive after its response only through this. */
declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void } | undefined;

export interface RunningGateway {
  fetch(request: Request): Promise<Response>;
  /** Settles what is open as it stands, because the process may end before it is done. */
  retire(reason: string): void;
  /** Resolves when every request that was forwarded has been settled. */
  idle(): Promise<void>;
}

/**
 * A gateway on this runtime, configured by its environment.
 *
 * @throws {ConfigError} naming all variables that are missing or bad
 */
export function gatewayFromEnv(env: { get(name: string): string | undefined }): RunningGateway {
  const config = configFromEnv(env);
  const once = sendOnce(fetch);
  const unsettled = new Set<Promise<unknown>>();
  const gateway = createGateway({
    config,
    store: createStore(
      config.supabaseUrl,
      config.supabaseSecretKey,
      once,
      () => performance.now(),
    ),
    fetch: once,
    now: Date.now,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    waitUntil(promise) {
      const tracked = promise.finally(() => unsettled.delete(tracked));
      unsettled.add(tracked);
      if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(tracked);
    },
    log,
  });
  // Supabase's Edge Runtime says why: wall clock, CPU time, memory, or an early drop.
  addEventListener("beforeunload", (event) => {
    const { reason } = (event as CustomEvent<{ reason?: string } | null>).detail ?? {};
    gateway.retire(reason ?? "the runtime ended the worker");
  });
  return {
    fetch: gateway.fetch,
    retire: gateway.retire,
    async idle() {
      while (unsettled.size > 0) await Promise.allSettled(unsettled);
    },
  };
}

/**
 * The handler of a deployment. With an unusable environment it says so once in the log, and answers
 * every request with 500 `misconfigured`, which tells clients nothing more.
 */
export function handlerFromEnv(
  env: { get(name: string): string | undefined },
): (request: Request) => Promise<Response> {
  try {
    return gatewayFromEnv(env).fetch;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log({ level: "error", event: "misconfigured", problems: error.problems });
    return refuseAll(new GatewayError("misconfigured", "the gateway is not configured"));
  }
}

function log(event: Record<string, unknown>) {
  console.log(JSON.stringify({ time: new Date().toISOString(), ...event }));
}
