/**
 * The local signing proxy: for tools that know only a base URL and a key. It listens on loopback
 * alone, and spends as the identity that it is given.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Identity } from "../client/identity.ts";
import { type GatewayLocation, locate } from "../client/signed_fetch.ts";
import { bySignature, byToken } from "./credentials.ts";
import { createForward } from "./forward.ts";
import { createAccessCheck } from "./local_access.ts";
import { answerWith } from "./refusal.ts";

export interface ProxyOptions extends Omit<GatewayLocation, "fetch"> {
  identity: Identity;
  /** 0 takes any that is free. */
  port: number;
  /** What clients must send as their API key; null takes any. */
  key: string | null;
  /** Signs each request in place of sending a token along. */
  sign: boolean;
}

export interface Proxy {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Ends at once, requests under way included. */
  stop(): Promise<void>;
}

/** Clients keep connections for as long; one that ends just as it is used again costs a retry. */
const KEEP_ALIVE_MS = 75_000;

/** @throws {Error} with the code EADDRINUSE when another program has the port */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const { identity, port, key, sign, ...gateway } = options;
  const checkAccess = createAccessCheck(key);
  const authorize = (sign ? bySignature : byToken)(identity, gateway);
  const forward = createForward(locate(gateway).gatewayUrl, authorize);

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, async (request, response) => {
    try {
      checkAccess(request);
      await forward(request, response);
    } catch (error) {
      if (!response.headersSent) answerWith(request, response, error);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${taken}`, stop: () => stop(server) };
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
