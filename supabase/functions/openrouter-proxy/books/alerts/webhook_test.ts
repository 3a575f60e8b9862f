import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { sendOnce } from "../../http/send_once.ts";
import { fakeFetch, scriptedFetch, type Sent } from "../../testing/fake_fetch.ts";
import { createWebhook } from "./webhook.ts";
import { withTimeouts } from "../../testing/with_timeouts.ts";
import { testWithTimers as test } from "../../testing/with_timers.ts";

const URL = "https://user:pass@hooks.example:8443/services/T1/secret-path?code=secret-query";
const BODY = '{"text":"50 % …"}';
const SECRET = "a secret of mine";

test("an alert is one POST of JSON, signed where there is a secret", async () => {
  const { calls, fetch } = scriptedFetch(new Response("ok"), new Response(null, { status: 204 }));
  assert.equal(await createWebhook({ url: URL, secret: SECRET, fetch })(BODY), null);
  assert.equal(await createWebhook({ url: URL, secret: null, fetch })(BODY), null);
  const [signed, unsigned] = calls as [Sent, Sent];
  assert.deepEqual([signed.url, signed.method, signed.redirect], [URL, "POST", "manual"]);
  assert.equal(await new Response(signed.body as Blob).text(), BODY);
  assert.deepEqual(signed.headers, {
    "content-type": "application/json",
    "x-signature-256": `sha256=${createHmac("sha256", SECRET).update(BODY).digest("hex")}`,
  });
  assert.deepEqual(unsigned.headers, { "content-type": "application/json" });
});

for (const status of [199, 301, 302, 400, 404, 429, 500, 503]) {
  test(`an answer of ${status} has not taken it, and the reason names the host alone`, async () => {
    // Response makes none of a status below 200.
    const answer = { ok: false, status, body: null } as Response;
    const { fetch } = scriptedFetch(answer);
    const problem = await createWebhook({ url: URL, secret: null, fetch })(BODY);
    assert.equal(problem, `hooks.example:8443 answered with status ${status}`);
  });
}

test("a webhook that cannot be reached has not taken it, and the reason names the host alone", async () => {
  const { fetch } = scriptedFetch(new TypeError(`error sending request for url (${URL})`));
  const problem = await createWebhook({ url: URL, secret: null, fetch })(BODY);
  assert.equal(problem, "hooks.example:8443 could not be reached (TypeError)");
});

test("a webhook has 10 s to answer", async () => {
  const waits = await withTimeouts(async () => {
    const fetch = fakeFetch(({ signal }) => Promise.reject(signal!.reason));
    const problem = await createWebhook({ url: URL, secret: null, fetch })(BODY);
    assert.equal(problem, "hooks.example:8443 did not answer within 10 s");
  });
  assert.deepEqual(waits, [10_000]);
});

test("nothing of an answer is read", async () => {
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  const { fetch } = scriptedFetch(new Response(body));
  assert.equal(await createWebhook({ url: URL, secret: null, fetch })(BODY), null);
  assert.ok(cancelled);
});

test("over the network, the body has a length, and a redirect leads nowhere", async () => {
  const seen: (string | null)[][] = [];
  const stopping = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stopping.signal, onListen() {} },
    async (request) => {
      const { pathname } = new globalThis.URL(request.url);
      seen.push([pathname, request.headers.get("content-length"), await request.text()]);
      return pathname === "/moved"
        ? new Response(null, { status: 307, headers: { location: "/elsewhere" } })
        : new Response("ok");
    },
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const post = (path: string) =>
    createWebhook({ url: `http://${host}${path}`, secret: null, fetch: sendOnce(fetch) })("{}");
  try {
    assert.equal(await post("/hook"), null);
    assert.equal(await post("/moved"), `${host} answered with status 307`);
    assert.deepEqual(seen, [["/hook", "2", "{}"], ["/moved", "2", "{}"]]);
  } finally {
    stopping.abort();
    await server.finished;
  }
});
