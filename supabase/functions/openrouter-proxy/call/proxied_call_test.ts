import assert from "node:assert/strict";
import { Hono } from "hono";
import type { Bookkeeper } from "../books/booking.ts";
import { errorResponse } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { createProxy, type ProxyDeps } from "./proxied_call.ts";

/** A call of somebody who is known, as far as its admission. @param hasRoom whether the books have room */
async function answerTo(method: string, path: string, hasRoom = false) {
  const asked: string[] = [];
  const body = new TextEncoder().encode('{"model":"m"}');
  const identity = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };
  const identified = { identity, body, [Symbol.dispose]() {} };
  const proxy = createProxy({
    config: { extraPaths: [], openrouterUrl: "http://openrouter.test", audience: "http://gateway" },
    identify: () => Promise.resolve({ identity, receive: () => Promise.resolve(identified) }),
    accounts: {
      admit() {
        asked.push("admission");
        return Promise.reject(new Error("that is as far as it goes"));
      },
    },
    catalogue: { ready: () => Promise.resolve(), find: () => null },
    bookkeeper: {
      takeRoom(did: string) {
        if (!hasRoom) return null;
        asked.push(`room of ${did}`);
        return { [Symbol.dispose]: () => void asked.push("room is given back") };
      },
    } as Bookkeeper,
    now: () => 0,
  } as unknown as ProxyDeps);
  const app = new Hono<RequestEnv>();
  app.all("*", proxy);
  app.onError((error) => errorResponse(error, "id"));
  const response = await app.request(`http://edge/openrouter-proxy/api/v1/openrouter${path}`, {
    method,
    headers: { "content-type": "application/json" },
  });
  return { response, asked };
}

Deno.test("a call is refused before it is admitted while there is no room for it in the books", async () => {
  const { response, asked } = await answerTo("POST", "/chat/completions");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "1");
  const { error } = await response.json();
  assert.equal(error.type, "overloaded");
  assert.match(error.message, /nothing was forwarded/);
  assert.deepEqual(asked, []);
});

Deno.test("a call has its room in the books while it is being admitted, whatever becomes of that", async () => {
  const { asked } = await answerTo("POST", "/chat/completions", true);
  assert.deepEqual(asked, ["room of did:key:z6Mk", "admission", "room is given back"]);
});

Deno.test("what is never booked needs no room in the books", async () => {
  const { asked } = await answerTo("GET", "/models");
  assert.deepEqual(asked, ["admission"]);
});
