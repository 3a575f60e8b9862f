/** TCP ports on this machine's loopback interface. */
import { setTimeout } from "node:timers/promises";
import { oneLine } from "../command.ts";
import { StackError } from "./errors.ts";

export const LOOPBACK = "127.0.0.1";

/**
 * A port as an environment variable gives it.
 *
 * @throws {StackError} when it is no whole number from 0 (any free port) to 65535
 */
export function portFromEnv(variable: string, fallback: number): number {
  const value = Deno.env.get(variable)?.trim() || String(fallback);
  if (/^[0-9]{1,5}$/.test(value) && Number(value) <= 65535) return Number(value);
  throw new StackError(`${variable} must be a port from 0 (any free one) to 65535`);
}

/**
 * The same port if nobody listens there; for 0, one that was free a moment ago.
 *
 * @throws {StackError} naming the port and the variable that changes it
 */
export function freePort(port: number, variable: string): number {
  return orPortInUse(port, variable, () => {
    using listener = Deno.listen({ hostname: LOOPBACK, port });
    return listener.addr.port;
  });
}

export interface HttpServer {
  port: number;
  /** Resolves when the signal has ended it; rejects if the port is lost to somebody else. */
  finished: Promise<void>;
}

const LISTEN_AGAIN_MS = 100;

/**
 * Serves HTTP on the loopback interface. Where no further connection can be accepted, because the
 * process has used up its file descriptors, Deno.serve ends: then it is begun anew on the same port,
 * again and again, while the connections that were accepted go on.
 *
 * @param onError is told of what the handler throws, and of what breaks an answer off; by default that
 *   is printed
 * @throws {StackError} naming the port and the variable that changes it when it is taken
 */
export function serveHttp(
  port: number,
  variable: string,
  signal: AbortSignal,
  handler: Deno.ServeHandler<Deno.NetAddr>,
  onError?: (error: unknown) => Response,
): HttpServer {
  const options = { hostname: LOOPBACK, signal, onListen: () => {} };
  const told = onError === undefined ? options : { ...options, onError };
  const listen = (port: number) =>
    orPortInUse(port, variable, () => Deno.serve({ ...told, port }, handler));
  const first = listen(port);

  async function serve(): Promise<void> {
    let isTold = false;
    for (let server: Deno.HttpServer | undefined = first; !signal.aborted;) {
      try {
        server ??= listen(first.addr.port);
        return await server.finished;
      } catch (error) {
        if (error instanceof StackError) throw error;
        if (!isTold) console.error(`connections are refused for a while: ${oneLine(error)}`);
        isTold = true;
        server = undefined;
        await setTimeout(LISTEN_AGAIN_MS, undefined, { signal }).catch(() => {});
      }
    }
  }
  const finished = serve();
  finished.catch(() => {}); // whoever waits for it is told
  return { port: first.addr.port, finished };
}

function orPortInUse<T>(port: number, variable: string, bind: () => T): T {
  try {
    return bind();
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new StackError(
      `port ${port} is in use; set ${variable} to another one (0: any free port)`,
      { cause: error },
    );
  }
}
