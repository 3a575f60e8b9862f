import assert from "node:assert/strict";

/** A server that answers `ok`, in a process of few file descriptors. */
const PROGRAM = `
  import { createServer } from "node:http";
  import { keepListening } from ${JSON.stringify(import.meta.resolve("./keep_listening.ts"))};
  const server = createServer((_, response) => response.end("ok"));
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    keepListening(server, { hostname: "127.0.0.1", port }, 100);
    console.log(port);
  });`;

Deno.test("a server accepts connections again when there are file descriptors again", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 48 && exec "$@"', "sh", Deno.execPath(), "eval", PROGRAM],
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  const port = Number((await output.next()).value);
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(200) })
      .then((response) => response.text(), () => null);
  const connections: Deno.Conn[] = [];
  try {
    while (await ask() !== "ok");
    for (let count = 0; count < 96; count++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => null);
      if (connection !== null) connections.push(connection);
    }
    // A new connection is not the one of before, which is kept alive.
    const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    assert.equal(
      await fetch(`http://127.0.0.1:${port}/`, { client, signal: AbortSignal.timeout(200) })
        .then(() => "answered", () => null),
      null,
    );
    client.close();
    for (const connection of connections.splice(0)) connection.close();
    while (await ask() !== "ok");
  } finally {
    for (const connection of connections) connection.close();
    child.kill("SIGKILL");
    await child.status;
    await output.return?.();
  }
});
