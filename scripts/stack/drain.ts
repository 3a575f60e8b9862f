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
  let running = 0;
  let draining = false;
  const idle = Promise.withResolvers<void>();
  // A client that went away is no failure here; the handler hears of it by itself.
  function completed() {
    running--;
    if (draining && running === 0) idle.resolve();
  }
  return {
    respond(request, info) {
      if (draining) return refuse(request, info);
      running++;
      info.completed.then(completed, completed);
      return handler(request, info);
    },
    drain() {
      draining = true;
      if (running === 0) idle.resolve();
      return idle.promise;
    },
  };
}
