/** What stands between two processes, so that a test can look at what passes, or keep it. */

export interface Proxy {
  /** Its origin, in place of the target's. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts a proxy.
 *
 * @param target any URL: its origin counts
 * @param answer makes the answer; `pass` sends the request on, once
 */
export function startProxy(
  target: string,
  answer: (request: Request, pass: () => Promise<Response>) => Promise<Response>,
): Proxy {
  const { origin } = new URL(target);
  const stopping = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stopping.signal, onListen: () => {} },
    async (request) => {
      const { method, headers } = request;
      const body = new Uint8Array(await request.arrayBuffer());
      const { pathname, search } = new URL(request.url);
      return await answer(
        request,
        () =>
          fetch(`${origin}${pathname}${search}`, {
            method,
            headers,
            ...(body.length === 0 ? {} : { body }),
          }),
      );
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async stop() {
      stopping.abort();
      await server.finished;
    },
  };
}
