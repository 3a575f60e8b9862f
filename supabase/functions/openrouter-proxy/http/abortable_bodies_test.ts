import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { abortableBodies } from "./abortable_bodies.ts";

/** A server whose answer goes on when `rest` is called. */
function startServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const { port } = listener.addr as Deno.NetAddr;
  const write = async (text: string) => {
    await (await accepted).write(new TextEncoder().encode(text));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    async begin() {
      await (await accepted).read(new Uint8Array(4_096));
      await write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf");
    },
    /** Whoever has left does not get it. */
    rest: () => write("rest").catch(() => {}),
    async stop() {
      (await accepted).close();
      listener.close();
    },
  };
}

/** Makes garbage until what was garbage before is collected: V8 looks at it only once old garbage grows. */
async function collectGarbage(): Promise<void> {
  let isCollected = false;
  const registry = new FinalizationRegistry(() => isCollected = true);
  registry.register({}, null);
  let kept: unknown[] = [];
  while (!isCollected) {
    if (kept.length === 100) kept = [];
    kept.push(Array.from({ length: 10_000 }, (_, n) => ({ n })));
    await setImmediate();
  }
}

Deno.test("a signal ends a body that is all that is left of its answer", async () => {
  const server = startServer();
  const leaving = new AbortController();
  const fetching = abortableBodies(fetch);
  async function bodyOf(url: string): Promise<ReadableStream<Uint8Array>> {
    return (await fetching(url, { signal: leaving.signal })).body!;
  }
  const [body] = await Promise.all([bodyOf(server.url), server.begin()]);
  const reader = body.getReader();
  await reader.read();
  const isAborted = assert.rejects(reader.read(), /nobody waits/);
  await collectGarbage();

  leaving.abort(new Error("nobody waits"));
  await server.rest();

  await isAborted;
  await server.stop();
});

Deno.test("an answer without a body passes", async () => {
  const response = new Response(null, { status: 204 });
  assert.equal(
    await abortableBodies(() => Promise.resolve(response))("http://a.example"),
    response,
  );
});
