/** A line to a server that a test can cut and mend. */

export interface TcpProxy {
  /** `http://127.0.0.1:PORT`. */
  url: string;
  /** Where connections go: an http URL. */
  target: string;
  /** Connections that came while the line was cut. */
  refused(): number;
  /** Breaks all connections, and every new one at once. */
  cut(): void;
  mend(): void;
  stop(): Promise<void>;
}

export function startTcpProxy(): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const pipes = new Set<Promise<unknown>>();
  let isCut = false;
  let refused = 0;

  function close(connection: Deno.Conn) {
    if (!open.delete(connection)) return;
    try {
      connection.close();
    } catch (error) {
      // A pipe that failed has closed it already.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async function join(client: Deno.Conn, server: Deno.Conn) {
    open.add(client).add(server);
    const ends = [
      client.readable.pipeTo(server.writable, { preventClose: true }),
      server.readable.pipeTo(client.writable, { preventClose: true }),
    ];
    // Either side's end is the end of both; what fails then is what was cut.
    await Promise.race(ends).catch(() => {});
    close(client);
    close(server);
    await Promise.allSettled(ends);
  }

  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    target: "",
    refused: () => refused,
    cut() {
      isCut = true;
      for (const connection of [...open]) close(connection);
    },
    mend: () => isCut = false,
    async stop() {
      listener.close();
      proxy.cut();
      await accepting;
      await Promise.allSettled(pipes);
    },
  };

  async function accept() {
    for await (const client of listener) {
      if (isCut) {
        refused++;
        client.close();
        continue;
      }
      const { hostname, port } = new URL(proxy.target);
      const pipe = Deno.connect({ hostname, port: Number(port) })
        .then((server) => join(client, server)).finally(() => pipes.delete(pipe));
      pipes.add(pipe);
    }
  }
  const accepting = accept();
  return proxy;
}
