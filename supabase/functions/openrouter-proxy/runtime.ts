/**
 * The gateway on a real runtime: its clock, its network, its log, its environment.
 */
import { type Config, ConfigError, configFromEnv, type Environment } from "./config/config.ts";
import { ClientDisconnected, describeError, GatewayError } from "./errors.ts";
import { createGateway } from "./gateway.ts";
import { abortableBodies } from "./http/abortable_bodies.ts";
import { refuseAll } from "./http/refuse_all.ts";
import { sendOnce } from "./http/send_once.ts";
import { type BoundedLog, createLog, type Log, type LogSuccesses } from "./log/log.ts";
import { createStore } from "./store/store.ts";

/** Supabase's Edge Runtime keeps a worker alive after its response only through this. */
declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void } | undefined;

export interface RunningGateway {
  /** The handler that `Deno.serve` takes. */
  fetch(request: Request): Promise<Response>;
  /** What `Deno.serve` calls when an answer breaks off, in place of printing why. */
  onError(error: unknown): Response;
  /** From now on, what nobody catches is a line of the log, and ends nothing. @param of globalThis */
  catchUncaught(of: EventTarget): void;
  /** Settles what is open as it stands, because the process may end before it is done. */
  retire(reason: string): void;
  /** Resolves when every request that was forwarded has been settled, and the log is complete. */
  idle(): Promise<void>;
}

/**
 * A gateway on this runtime, configured by its environment.
 *
 * @throws {ConfigError} naming all variables that are missing or bad
 */
export function gatewayFromEnv(env: Environment): RunningGateway {
  const config = configFromEnv(env);
  const unsettled = new Set<Promise<unknown>>();
  function waitUntil(promise: Promise<unknown>) {
    const forget = () => unsettled.delete(tracked);
    // As `finally` does, with fewer promises.
    const tracked: Promise<unknown> = promise.then(forget, (error) => {
      forget();
      throw error;
    });
    unsettled.add(tracked);
    keepAlive(tracked);
  }
  // What waits for its line is no work that a process has to wait for: retiring prints it.
  const log = logOnConsole(config.logSuccesses);
  const gateway = createGateway({ ...parts(config), waitUntil, log: log.log });
  function retire(reason: string) {
    gateway.retire(reason);
    log.retire();
  }
  // Supabase's Edge Runtime says why: wall clock, CPU time, memory, or an early drop.
  addEventListener("beforeunload", (event) => {
    const { reason } = (event as CustomEvent<{ reason?: string } | null>).detail ?? {};
    retire(reason ?? "the runtime ended the worker");
  });
  return {
    fetch: gateway.fetch,
    ...lastResort(log.log),
    retire,
    async idle() {
      while (unsettled.size > 0) await Promise.allSettled(unsettled);
      log.retire();
    },
  };
}

function parts(config: Config) {
  const once = sendOnce(abortableBodies(fetch));
  const { supabaseUrl, supabaseSecretKey } = config;
  const store = createStore(supabaseUrl, supabaseSecretKey, once, () => performance.now());
  return { config, store, fetch: once, now: Date.now, sleep };
}

/**
 * The gateway of a deployment. With an unusable environment it says so once in the log, and answers
 * every request with 500 `misconfigured`, which tells clients nothing more.
 */
export function deployedGateway(
  env: Environment,
): Pick<RunningGateway, "fetch" | "onError" | "catchUncaught"> {
  try {
    return gatewayFromEnv(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { log } = logOnConsole(1);
    log({ level: "error", event: "misconfigured", problems: error.problems });
    const refusal = new GatewayError("misconfigured", "the gateway is not configured");
    return { fetch: refuseAll(refusal), ...lastResort(log) };
  }
}

/** What becomes of errors that nobody else takes: a line of the log each, never a stack between them. */
function lastResort(log: Log): Pick<RunningGateway, "onError" | "catchUncaught"> {
  function tell(event: string, error: unknown) {
    const thrown = error instanceof Error ? error : new Error(String(error));
    log({ level: "error", event, ...describeError(thrown, true) });
  }
  return {
    onError(error) {
      // The call's own line says how these ended.
      const isTold = error instanceof GatewayError || error instanceof ClientDisconnected;
      if (!isTold) tell("answer_failed", error);
      return new Response(null, { status: 500 });
    },
    catchUncaught(of) {
      of.addEventListener("error", (event) => {
        event.preventDefault();
        tell("uncaught_error", (event as ErrorEvent).error);
      });
      of.addEventListener("unhandledrejection", (event) => {
        event.preventDefault();
        tell("unhandled_rejection", (event as PromiseRejectionEvent).reason);
      });
    },
  };
}

function logOnConsole(successes: LogSuccesses): BoundedLog {
  return createLog({
    print: (line) => console.log(line),
    successes,
    now: Date.now,
    steadyNow: () => performance.now(),
    sleep,
    waitUntil: keepAlive,
  });
}

function keepAlive(promise: Promise<unknown>) {
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(promise);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
