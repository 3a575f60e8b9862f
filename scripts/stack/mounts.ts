/** The stack's HTTP server: the Data API, and what is mounted over parts of it. */
import { oneLine } from "../command.ts";
import { answerWhileStopping } from "./data_api.ts";
import { type Drainable, drainable, type Handler } from "./drain.ts";
import { serveHttp } from "./ports.ts";
import { within } from "./within.ts";

const SHUTDOWN_MS = 2000;

/**
 * Hands requests for this path and those below it to another handler. Returns what ends that, as
 * Drainable.drain does; `refuse` answers from then on, by default as the Data API does. `onError` is
 * told of what breaks an answer off, of whatever path: by default that is a line on stderr.
 */
export type Mount = (
  path: string,
  handler: Handler,
  refuse?: Handler,
  onError?: (error: unknown) => Response,
) => () => Promise<void>;

export interface MountedServer {
  port: number;
  mount: Mount;
  /** Rejects if the port is lost. */
  finished: Promise<void>;
  /** Answers what is under way, for two seconds at most, and ends. */
  stop(): Promise<void>;
}

/**
 * @param answer answers what nothing is mounted for
 * @param untilMounted what answers for a path and those below it until something is mounted there
 * @throws {StackError} where the port is taken
 */
export function serveMounts(
  port: number,
  answer: Handler,
  untilMounted: Record<string, Handler>,
): MountedServer {
  const rest = drainable(answer, answerWhileStopping);
  const mounted = new Map<string, Pick<Drainable, "respond">>(
    Object.entries(untilMounted).map(([path, respond]) => [path, { respond }]),
  );
  const closing = new AbortController();
  let onError = (error: unknown) => {
    console.error(`an answer broke off: ${oneLine(error)}`);
    return new Response(null, { status: 500 });
  };
  const dispatch: Handler = (request, info) => {
    const asked = pathOf(request);
    for (const [path, { respond }] of mounted) {
      if (asked === path || asked.startsWith(`${path}/`)) return respond(request, info);
    }
    return rest.respond(request, info);
  };
  const server = serveHttp(port, "PORT", closing.signal, dispatch, (error) => onError(error));
  return {
    port: server.port,
    finished: server.finished,
    mount(path, handler, refuse = answerWhileStopping, told = onError) {
      const mount = drainable(handler, refuse);
      mounted.set(path, mount);
      onError = told;
      return mount.drain;
    },
    async stop() {
      await within(SHUTDOWN_MS, rest.drain());
      closing.abort();
      await within(SHUTDOWN_MS, server.finished);
    },
  };
}

/**
 * The path that was asked for, as it was sent. Deno's server writes the Host header into the URL unchecked,
 * which parsers may then refuse, or take a part of it for the path; and its own where there is none, as
 * health checks by HTTP/1.0 have none.
 */
function pathOf({ url, headers }: Request): string {
  const host = headers.get("host") ?? "";
  const named = host && [`http://${host}`, `https://${host}`].find((one) => url.startsWith(one));
  const origin = named || /^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i.exec(url)?.[0] || "";
  return url.slice(origin.length).replace(/[?#].*$/s, "");
}
