/**
 * Connections to Postgres that may break.
 *
 * A pool of `postgres` 3.4.9 does not survive that: a reserved connection that was closed is still
 * written to, which ends the process with an uncaught TypeError, and a connection that is opened anew
 * answers its first query with the error that had closed it. Here each client has one connection,
 * works for one call at a time, and is thrown away when its connection breaks.
 */
import postgres from "postgres";
import { lostConnection } from "./api_error.ts";

/** As many as PostgREST opens by default. */
const MAX_CONNECTIONS = 10;

/** A connection that is one call's alone until it is released. */
export interface Session {
  /**
   * Runs statements, several of them only without parameters.
   *
   * @throws {postgres.PostgresError} when Postgres refuses one
   * @throws {ApiError} 503 when the connection broke, now or before
   */
  unsafe(text: string, parameters?: postgres.ParameterOrJSON<never>[]): Promise<
    postgres.RowList<postgres.Row[]>
  >;
  /** Gives the connection back, whose transaction must have ended. */
  release(): void;
}

export interface Connections {
  /** Waits for a free connection; opens one when there are few. */
  reserve(): Promise<Session>;
  close(): Promise<void>;
}

interface Client {
  sql: postgres.Sql;
  isBroken: boolean;
}

/** @param open makes a client whose only connection is opened by its first query */
export function createConnections(
  open: (options: { max: 1; onclose: () => void }) => postgres.Sql,
): Connections {
  const clients = new Set<Client>();
  const idle: Client[] = [];
  const waiting: ((client: Client) => void)[] = [];

  function openClient(): Client {
    const client: Client = {
      isBroken: false,
      sql: open({ max: 1, onclose: () => client.isBroken = true }),
    };
    clients.add(client);
    return client;
  }

  async function discard(client: Client): Promise<void> {
    clients.delete(client);
    await client.sql.end({ timeout: 0 });
  }

  function take(): Promise<Client> {
    while (idle.length > 0) {
      const client = idle.pop()!;
      if (!client.isBroken) return Promise.resolve(client);
      discard(client);
    }
    if (clients.size < MAX_CONNECTIONS) return Promise.resolve(openClient());
    const { promise, resolve } = Promise.withResolvers<Client>();
    waiting.push(resolve);
    return promise;
  }

  function giveBack(client: Client): void {
    let usable = client;
    if (client.isBroken) {
      discard(client);
      if (waiting.length === 0) return;
      usable = openClient();
    }
    const next = waiting.shift();
    if (next) next(usable);
    else idle.push(usable);
  }

  return {
    async reserve() {
      const client = await take();
      let loss: unknown;
      return {
        async unsafe(text, parameters = []) {
          // The client would connect anew, and run the rest of a transaction outside of it.
          if (client.isBroken) throw lostConnection(loss);
          try {
            return await client.sql.unsafe(text, parameters);
          } catch (error) {
            if (error instanceof postgres.PostgresError && !client.isBroken) throw error;
            client.isBroken = true;
            loss = error;
            throw lostConnection(error);
          }
        },
        release: () => giveBack(client),
      };
    },
    async close() {
      await Promise.all([...clients].map(({ sql }) => sql.end()));
    },
  };
}
