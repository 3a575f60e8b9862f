/**
 * Connections to Postgres that may break. Each is one call's at a time, and is thrown away when it
 * breaks.
 */
import type postgres from "postgres";
import { lostConnection } from "./api_error.ts";
import {
  type BreakableClient,
  type ClientOptions,
  createBreakableClient,
} from "./breakable_client.ts";

/** As many as PostgREST opens by default. */
const MAX_CONNECTIONS = 10;

/** A connection that is one call's alone until it is released. */
export interface Session {
  /** As BreakableClient's `query`. */
  unsafe: BreakableClient["query"];
  /** Its connection's. */
  prepared: BreakableClient["prepared"];
  /** Gives the connection back, whose transaction must have ended. */
  release(): void;
}

export interface Connections {
  /** Waits for a free connection; opens one when there are few. */
  reserve(): Promise<Session>;
  /** Waits for the calls that have one, and refuses later ones. */
  close(): Promise<void>;
}

/** @param open makes a client whose connection is opened by its first query */
export function createConnections(open: (options: ClientOptions) => postgres.Sql): Connections {
  const clients = new Set<BreakableClient>();
  const idle: BreakableClient[] = [];
  const waiting: PromiseWithResolvers<BreakableClient>[] = [];
  const closed = Promise.withResolvers<void>();
  let isClosing = false;

  function openClient(): BreakableClient {
    const client = createBreakableClient(open);
    clients.add(client);
    return client;
  }

  async function discard(client: BreakableClient): Promise<void> {
    await client.close();
    clients.delete(client);
    if (isClosing && clients.size === 0) closed.resolve();
  }

  async function take(): Promise<BreakableClient> {
    if (isClosing) throw lostConnection("the connections are closed");
    while (idle.length > 0) {
      const client = idle.pop()!;
      if (!client.isBroken) return client;
      clients.delete(client);
    }
    if (clients.size < MAX_CONNECTIONS) return openClient();
    const next = Promise.withResolvers<BreakableClient>();
    waiting.push(next);
    return await next.promise;
  }

  function giveBack(client: BreakableClient): void {
    if (client.isBroken) clients.delete(client);
    const next = waiting.shift();
    if (next) next.resolve(client.isBroken ? openClient() : client);
    else if (isClosing) discard(client);
    else if (!client.isBroken) idle.push(client);
  }

  return {
    async reserve() {
      const client = await take();
      return {
        unsafe: client.query,
        prepared: client.prepared,
        release: () => giveBack(client),
      };
    },
    async close() {
      isClosing = true;
      for (const client of idle.splice(0)) discard(client);
      if (clients.size === 0) closed.resolve();
      await closed.promise;
    },
  };
}
