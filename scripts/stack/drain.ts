/** Handlers that can be taken out of service without breaking off what they are doing. */

export type Handler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
) => Response | Promise<Response>;

export interface Drainable {
  respond: Handler;
  /** New requests are refused from now on; resolves when the running ones are answered completely. */
  drain(): Promise<void>;
}

/**
 * @param refuse what new requests get while the last ones are answered
 *
 * Server.shutdown() waits as well, but after it a server can no longer be aborted (Deno 2.9 throws
 * BadResource), so that one endless stream would hold up the end for ever.
 */
export function drainable(handler: Handler, refuse: Handler): Drainable {
  const running = new Set<Promise<void>>();
  let draining = false;
  return {
    respond(request, info) {
      if (draining) return refuse(request, info);
      // A client that went away is no failure here; the handler hears of it by itself.
      const completed = info.completed.catch(() => {}).finally(() => running.delete(completed));
      running.add(completed);
      return handler(request, info);
    },
    async drain() {
      draining = true;
      await Promise.all(running);
    },
  };
}
