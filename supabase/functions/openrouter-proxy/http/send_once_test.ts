import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { sendOnce } from "./send_once.ts";
import { scriptedFetch } from "./test_support.ts";

/** A server that counts what arrives, and breaks the connection where it should answer a /drop. */
async function withServer(use: (url: string, arrivals: string[]) => Promise<void>): Promise<void> {
  const arrivals: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => body += chunk);
    request.on("end", () => {
      arrivals.push(`${request.method} ${request.url} ${body}`);
      if (request.url === "/drop") request.socket.destroy();
      else response.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrivals);
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
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
