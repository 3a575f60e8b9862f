import assert from "node:assert/strict";
import { PostgrestClient } from "@supabase/postgrest-js";
import { fakeFetch } from "../testing/fake_fetch.ts";
import { rpcByFetch } from "./rpc_by_fetch.ts";

const URL_OF_API = "http://supabase.test/rest/v1";
const KEY = { apikey: "a.b.c", authorization: "Bearer a.b.c" };
const ARGS = { p_settlements: '[{"request_id":"é"}]' };

/** What is told of an answer, and what was asked for it. */
async function askedOf(
  answer: () => Response,
  ask: (fetch: typeof globalThis.fetch, signal: AbortSignal) => PromiseLike<unknown>,
) {
  const { signal } = new AbortController();
  const asked: unknown[] = [];
  const fetch = fakeFetch(({ method, url, headers, body }) => {
    asked.push(method, url, Object.fromEntries(new Headers(headers)), body);
    return Promise.resolve(answer());
  });
  return { told: await ask(fetch, signal), asked };
}

const ours = (answer: () => Response) =>
  askedOf(
    answer,
    (fetch, signal) => rpcByFetch(URL_OF_API, KEY, fetch)("settle_requests", ARGS, signal),
  );

const librarys = (answer: () => Response) =>
  askedOf(answer, async (fetch, signal) => {
    const client = new PostgrestClient(URL_OF_API, { headers: KEY, fetch, retry: false });
    const { data, error } = await client.rpc("settle_requests", ARGS).abortSignal(signal);
    return { data, error };
  });

const ERROR = { code: "23514", details: null, hint: "h", message: "m" };

for (
  const [what, answer] of Object.entries({
    "an object": () => Response.json({ id: { settled: true } }),
    "null": () => Response.json(null),
    "nothing": () => new Response(""),
    "no content": () => new Response(null, { status: 204 }),
    "an error of Postgres": () => Response.json(ERROR, { status: 400 }),
    "an error that a proxy numbers": () => Response.json({ code: 504 }, { status: 504 }),
    "an unknown function": () => Response.json({ ...ERROR, code: "PGRST202" }, { status: 404 }),
  })
) {
  Deno.test(`an RPC by fetch asks what postgrest-js asks, and tells what that tells: ${what}`, async () => {
    assert.deepEqual(await ours(answer), await librarys(answer));
  });
}

for (
  const [what, answer, message] of [
    ["a page", () => new Response("<html>"), "200 <html>"],
    ["a page that refuses", () => new Response("<html>", { status: 502 }), "502 <html>"],
    ["an empty 404", () => new Response("", { status: 404 }), "404 "],
    ["a list as an error", () => Response.json([1], { status: 404 }), "404 [1]"],
    ["null as an error", () => Response.json(null, { status: 500 }), "500 null"],
  ] as const
) {
  Deno.test(`what is no answer of the Data API is an error without a code: ${what}`, async () => {
    const { told } = await ours(answer);
    assert.deepEqual(told, { data: null, error: { code: "", message } });
  });
}

Deno.test("a Data API that cannot be reached, or breaks off, is an error without a code", async () => {
  for (
    const [why, answer] of [
      ["TypeError: unreachable", () => Promise.reject(new TypeError("unreachable"))],
      ["Error: broke off", () =>
        Promise.resolve(
          new Response(new ReadableStream({ pull: (c) => c.error(new Error("broke off")) })),
        )],
    ] as const
  ) {
    const ask = rpcByFetch(URL_OF_API, KEY, fakeFetch(answer));
    assert.deepEqual(await ask("settle_requests", ARGS, new AbortController().signal), {
      data: null,
      error: { code: "", message: why },
    });
  }
});
