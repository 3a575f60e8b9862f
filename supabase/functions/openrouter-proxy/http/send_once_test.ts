import assert from "node:assert/strict";
import { sendOnce } from "./send_once.ts";
import { scriptedFetch } from "../testing/fake_fetch.ts";

const OK = new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

/** A server that counts what arrives, and breaks the connection where it should answer a /drop. */
async function withServer(use: (url: string, arrivals: string[]) => Promise<void>): Promise<void> {
  const arrivals: string[] = [];
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Promise<void>[] = [];
  const open = new Set<Deno.Conn>();

  /** Requests on one connection: chunked bodies alone, as fetch sends streams. */
  async function serve(connection: Deno.Conn) {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    let text = "";
    for (;;) {
      const size = await connection.read(buffer).catch(() => null);
      if (size === null) return;
      text += decoder.decode(buffer.subarray(0, size));
      const request = /^(\S+) (\S+) .*?\r\n\r\n((?:.*?\r\n)?)0\r\n\r\n$/s.exec(text);
      if (!request) continue;
      const [, method, path, chunks = ""] = request;
      arrivals.push(`${method} ${path} ${chunks.split("\r\n")[1] ?? ""}`);
      text = "";
      if (path === "/drop") return connection.close();
      await connection.write(OK);
    }
  }

  const accepting = (async () => {
    for await (const connection of listener) {
      open.add(connection);
      connections.push(serve(connection));
    }
  })();
  try {
    await use(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`, arrivals);
  } finally {
    listener.close();
    await accepting;
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // closed already
      }
    }
    await Promise.all(connections);
  }
}

for (const body of ["{}", new TextEncoder().encode("{}")]) {
  Deno.test(`sendOnce sends a body of ${typeof body} once, although the pooled connection breaks`, async () => {
    await withServer(async (url, arrivals) => {
      const once = sendOnce(fetch);
      const post = (path: string) => once(url + path, { method: "POST", body });
      // A connection that was used before: a fetch with the body itself would try a new one.
      await (await post("/first")).text();
      await assert.rejects(post("/drop"), TypeError);
      assert.deepEqual(arrivals, ["POST /first {}", "POST /drop {}"]);
    });
  });
}

Deno.test("sendOnce sends empty bodies", async () => {
  await withServer(async (url, arrivals) => {
    const response = await sendOnce(fetch)(url, { method: "POST", body: new Uint8Array() });
    assert.equal(await response.text(), "ok");
    assert.deepEqual(arrivals, ["POST / "]);
  });
});

// An empty chunk would be the end of a chunked body, and a frame for nothing in HTTP/2.
Deno.test("sendOnce makes no chunk of an empty body", async () => {
  for (const body of ["", new Uint8Array()]) {
    const { calls, fetch } = scriptedFetch(new Response());
    await sendOnce(fetch)("https://a.example/", { method: "POST", body });
    assert.deepEqual(await Array.fromAsync(calls[0]!.body as ReadableStream), []);
  }
});

Deno.test("sendOnce leaves requests without a body, and all other options, as they are", async () => {
  const { calls, fetch } = scriptedFetch(new Response(), new Response(), new Response());
  const once = sendOnce(fetch);
  const { signal } = new AbortController();
  await once("https://a.example/");
  await once("https://a.example/", { method: "GET", redirect: "manual", signal });
  await once("https://a.example/", { method: "POST", redirect: "manual", signal, body: "x" });
  assert.deepEqual(calls[0], { url: "https://a.example/" });
  assert.deepEqual(calls[1], {
    url: "https://a.example/",
    method: "GET",
    redirect: "manual",
    signal,
  });
  const { body, ...rest } = calls[2]!;
  assert.deepEqual(rest, { ...calls[1], method: "POST", duplex: "half" });
  assert.equal(await new Response(body as ReadableStream).text(), "x");
});
