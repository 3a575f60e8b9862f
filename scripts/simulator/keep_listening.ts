/**
 * A server of node:http that goes on accepting connections.
 *
 * In Deno 2.9 it stops for good, and says nothing, once the process had no file descriptor left for
 * one. So it is asked now and then, over a connection of its own, and listens anew where no answer
 * comes.
 */
import { get, type Server } from "node:http";

/** How often it is asked, and how long an answer may take. */
const ASK_EVERY_MS = 2_000;

/** @returns what ends that */
export function keepListening(
  server: Server,
  address: { hostname: string; port: number },
  askEveryMs = ASK_EVERY_MS,
): () => void {
  server.on("error", () => {}); // of listening anew, which is tried again

  async function ask() {
    if (await answers(address, askEveryMs)) return;
    server.close();
    server.listen(address.port, address.hostname);
  }
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    ask().finally(() => asking = false);
  }, askEveryMs);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function answers({ hostname, port }: { hostname: string; port: number }, withinMs: number) {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get({ hostname, port, path: "/simulator/", agent: false, timeout: withinMs });
  request.on("response", (response) => {
    response.resume();
    resolve(true);
  });
  request.on("timeout", () => request.destroy());
  request.on("error", () => resolve(false));
  request.on("close", () => resolve(false));
  return promise;
}
