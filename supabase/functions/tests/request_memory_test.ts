import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { liveMb, peakMbDuring } from "./harness/memory.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const TINY_CHUNKS = 8000;
const MAX_GROWTH_MB = 16;
const MEGABYTE = 1024 * 1024;

const world = useWorld({ edge: true, measured: true });

/** An unsigned request whose body comes as the test wants. */
async function unsigned(framing: string) {
  const { hostname, port, pathname, host } = new URL(world.gateway.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const writer = connection.writable.getWriter();
  const send = (body: Uint8Array<ArrayBuffer>) => writer.write(body);
  await send(
    new TextEncoder().encode(
      `POST ${pathname}${CHAT} HTTP/1.1\r\nhost: ${host}\r\n${framing}\r\n\r\n`,
    ),
  );
  return {
    send,
    /** The beginning of the answer, which comes once the gateway has read enough of the body. */
    async answer(): Promise<string> {
      const { value } = await connection.readable.getReader().read();
      return new TextDecoder().decode(value);
    },
    close: () => connection.close(),
  };
}

Deno.test(`an unsigned body in ${TINY_CHUNKS} chunks of one byte takes next to no memory`, async () => {
  const before = await liveMb(world.gateway);
  const client = await unsigned("transfer-encoding: chunked");
  let answer = "";
  const peak = await peakMbDuring(world.gateway, async () => {
    await client.send(new TextEncoder().encode("1\r\nx\r\n".repeat(TINY_CHUNKS)));
    await client.send(new TextEncoder().encode("0\r\n\r\n"));
    answer = await client.answer();
  });
  client.close();
  assert.match(answer, /^HTTP\/1.1 401 /);
  const growth = peak - before;
  console.log(`at most ${growth.toFixed(1)} MB more than before, garbage included`);
  assert.ok(growth < MAX_GROWTH_MB, `${growth.toFixed(1)} MB is not below ${MAX_GROWTH_MB} MB`);
});

Deno.test("an ordinary call is answered while unsigned uploads hold all the memory for bodies", async () => {
  const { gateway } = world;
  const uploads = await Promise.all(
    Array.from({ length: 3 }, () => unsigned(`content-length: ${16 * MEGABYTE}`)),
  );
  for (const upload of uploads) await upload.send(new Uint8Array(16 * MEGABYTE - 1));
  const identity = await newIdentity();
  await until("the memory for bodies to be spent", async () => {
    const large = await fetch(gateway.url + CHAT, {
      method: "POST",
      body: new Uint8Array(MEGABYTE),
    });
    await large.body?.cancel();
    return large.status === 503;
  });

  const response = await call(gateway, identity, "POST", CHAT, chat("hello"));

  assert.equal(response.status, 200);
  await response.body?.cancel();
  for (const upload of uploads) upload.close();
});
