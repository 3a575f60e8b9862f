import assert from "node:assert/strict";
import { ClientDisconnected } from "../errors.ts";
import { type Bytes, utf8 } from "../bytes/encodings.ts";
import { openedBy } from "../policy/endpoints.ts";
import { scriptedFetch } from "../testing/fake_fetch.ts";
import { orderOf } from "./order.ts";
import { createSend, type Sending } from "./send.ts";

const DID = "did:key:z6Mk";
const KEY = { encryptedApiKey: "sealed", hash: "old", newLimit: null };
const ADMITTED = {
  decision: "admitted" as const,
  requestTime: "2026-11-22T10:00:00Z",
  rate: null,
  remainingUsd: null,
};
const refusesKey = () => Response.json({ error: { message: "User not found." } }, { status: 401 });

/** A request on its way, and what sends it; `another` is the key that takes a refused one's place. */
async function sender(
  {
    method = "POST",
    path = "/chat/completions",
    body = '{"model":"a/b"}',
    key = KEY as typeof KEY | null,
  },
  another: string | null,
  ...outcomes: (Response | Error)[]
) {
  const { calls, fetch } = scriptedFetch(...outcomes);
  const replaced: unknown[] = [];
  const send = createSend({
    config: {
      openrouterUrl: "https://openrouter.example/api/v1",
      httpReferer: "https://gateway.example",
      xTitle: "gateway",
      upstreamHeadersTimeoutMs: 60_000,
    },
    accounts: {
      openKey: (did, { encryptedApiKey }) => Promise.resolve(`opened ${encryptedApiKey} of ${did}`),
      replaceKey(did, { hash }) {
        replaced.push([did, hash]);
        return Promise.resolve(another);
      },
    },
    pseudonymOf: (did) => Promise.resolve(`pseudonym of ${did}`),
    fetch,
  });
  const clientGone = new AbortController();
  const headers = new Headers({ accept: "application/json", cookie: "x" });
  const opened = openedBy(method, { path, search: "?a=1" }, ["/extra"]);
  const sending: Sending = {
    method,
    headers,
    clientGone: clientGone.signal,
    did: DID,
    order: await orderOf(opened, headers, utf8(body)),
    admitted: { ...ADMITTED, key },
    isSent: false,
    apiKey: null,
  };
  const keysSent = () => calls.map((call) => new Headers(call.headers).get("authorization"));
  return { send: () => send(sending), sending, clientGone, calls, keysSent, replaced };
}

Deno.test("a call goes with its DID's key, the gateway's headers, and the body with what is added to it", async () => {
  const { send, sending, calls, keysSent } = await sender({}, null, new Response("{}"));
  const upstream = await send();
  assert.equal(upstream.status, 200);
  const key = `opened sealed of ${DID}`;
  assert.deepEqual([sending.apiKey, sending.isSent], [key, true]);
  assert.deepEqual(keysSent(), [`Bearer ${key}`]);
  const [{ url, method, headers, body }] = calls as [typeof calls[number]];
  assert.deepEqual([url, method], [
    "https://openrouter.example/api/v1/chat/completions?a=1",
    "POST",
  ]);
  const sent = new Headers(headers);
  assert.deepEqual(
    ["accept", "cookie", "http-referer"].map((name) => sent.get(name)),
    ["application/json", null, "https://gateway.example"],
  );
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body as Bytes)), {
    usage: { include: true },
    user: `pseudonym of ${DID}`,
    model: "a/b",
  });
});

for (const method of ["GET", "HEAD"]) {
  Deno.test(`a ${method} has no body, and needs no key where OpenRouter answers anybody`, async () => {
    const sent = await sender(
      { method, path: "/models", body: "", key: null },
      null,
      new Response(),
    );
    await sent.send();
    assert.equal(sent.sending.apiKey, null);
    assert.deepEqual([sent.calls[0]!.body, sent.keysSent(), sent.sending.isSent], [
      null,
      [null],
      true,
    ]);
  });
}

Deno.test("what only a key's holder is told is not asked for without one", async () => {
  const { send, calls } = await sender({ method: "GET", path: "/key", body: "", key: null }, null);
  await assert.rejects(send(), {
    type: "not_found",
    message: "this DID has no OpenRouter key yet: its first call that may cost makes one",
  });
  assert.deepEqual(calls, []);
});

Deno.test("a path that the operator has opened is asked without a key, unless OpenRouter wants one", async () => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const request = { method, path: "/extra/of/mine", body: "", key: null };
    const open = await sender(request, null, new Response("all may"), refusesKey());
    assert.equal((await open.send()).status, 200);
    await assert.rejects(open.send(), {
      type: "not_found",
      message: "this DID has no OpenRouter key yet: its first call that may cost makes one",
    });
    assert.deepEqual(open.keysSent(), [null, null]);
  }
});

Deno.test("a call whose key OpenRouter no longer knows goes once more, with another", async () => {
  const { send, sending, keysSent, calls, replaced } = await sender(
    {},
    "another",
    refusesKey(),
    new Response("{}"),
  );
  const upstream = await send();
  assert.deepEqual([sending.apiKey, upstream.status], ["another", 200]);
  assert.deepEqual(keysSent(), [`Bearer opened sealed of ${DID}`, "Bearer another"]);
  assert.deepEqual(replaced, [[DID, "old"]]);
  assert.deepEqual(calls[0]!.body, calls[1]!.body);
});

Deno.test("a refusal of a key that OpenRouter knows after all is the answer, and nothing was sent that it bills", async () => {
  const { send, sending, calls } = await sender({}, null, refusesKey());
  const upstream = await send();
  assert.deepEqual([sending.apiKey, upstream.status], [`opened sealed of ${DID}`, 401]);
  assert.deepEqual([calls.length, sending.isSent], [1, false]);
});

Deno.test("a refusal that is another's, not OpenRouter's of its key, replaces no key", async () => {
  for (
    const [status, message] of [[401, "Invalid provider key"], [403, "User not found."]] as const
  ) {
    const refusal = Response.json({ error: { message } }, { status });
    const { send, sending, calls, replaced } = await sender({}, "another", refusal);
    const upstream = await send();
    assert.deepEqual([sending.apiKey, upstream.status], [`opened sealed of ${DID}`, status]);
    assert.deepEqual([calls.length, replaced], [1, []]);
  }
});

Deno.test("nothing is sent for a client that has hung up", async () => {
  const { send, sending, calls, clientGone } = await sender({}, null);
  clientGone.abort();
  await assert.rejects(send(), ClientDisconnected);
  assert.deepEqual([calls.length, sending.isSent], [0, false]);
});
