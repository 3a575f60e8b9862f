/**
 * A connection to Postgres that may break.
 *
 * A client of `postgres` 3.4.9 does not survive that in all of its moments: a query for the types of
 * arrays that ends by it is nobody's and ends the process, and so does what is written to a socket
 * that has closed, be it the next step of a login or the rollback of a transaction. And a client that
 * connects anew answers its first query with the error that closed the connection before. So it does
 * not hear of the end of its socket: queries end here, and the client is never used again.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { type ApiError, lostConnection } from "./api_error.ts";

/** What a client is opened with: one connection, over this socket. */
export interface ClientOptions {
  max: 1;
  socket: (options: { host: string[]; port: number[] }) => Promise<Socket>;
}

export interface BreakableClient {
  readonly isBroken: boolean;
  /**
   * Runs statements, several of them only without parameters.
   *
   * @throws {postgres.PostgresError} when Postgres refuses one
   * @throws {ApiError} 503 when the connection broke, now or before, or could not be opened
   */
  query(
    text: string,
    parameters?: postgres.ParameterOrJSON<never>[],
  ): Promise<postgres.RowList<postgres.Row[]>>;
  /** What it has prepared: what tells the statements apart → their names. */
  readonly prepared: Map<string, string>;
  /** Says goodbye. Nothing may be running. */
  close(): Promise<void>;
}

/** @param open makes a client whose connection is opened by its first query */
export function createBreakableClient(
  open: (options: ClientOptions) => postgres.Sql,
): BreakableClient {
  const running = new Set<(loss: ApiError) => void>();
  let loss: ApiError | undefined;
  let socket: Socket | undefined;

  function breakOff(cause: unknown): ApiError {
    loss ??= lostConnection(cause);
    for (const end of running) end(loss);
    socket?.destroy();
    return loss;
  }

  const sql = open({
    max: 1,
    async socket({ host, port }) {
      socket = connect(port[0]!, host[0]!);
      await once(socket, "connect"); // throws what the socket calls an error
      socket.on("error", breakOff);
      socket.on("close", () => breakOff(new Error("Postgres closed the connection")));
      return withoutItsEnd(socket);
    },
  });

  return {
    get isBroken() {
      return loss !== undefined;
    },
    prepared: new Map(),
    query(text, parameters = []) {
      return new Promise((resolve, reject) => {
        if (loss !== undefined) return reject(loss);
        running.add(reject);
        sql.unsafe(text, parameters).then((rows) => {
          running.delete(reject);
          resolve(rows);
        }, (error) => {
          running.delete(reject);
          const isRefusal = error instanceof postgres.PostgresError && !endsSession(error);
          reject(isRefusal ? error : breakOff(error));
        });
      });
    },
    async close() {
      // Without a limit of time it would wait for the socket's end, of which it does not hear.
      if (loss === undefined) await sql.end({ timeout: 0 });
    },
  };
}

/** The socket, which tells nobody any more that it failed or closed. */
function withoutItsEnd(socket: Socket): Socket {
  const on = socket.on.bind(socket) as (event: string, listener: () => void) => Socket;
  const onOthers = (event: string, listener: () => void) =>
    event === "error" || event === "close" ? socket : on(event, listener);
  return Object.assign(socket, { on: onOthers });
}

function endsSession({ severity }: postgres.PostgresError): boolean {
  return severity === "FATAL" || severity === "PANIC";
}
