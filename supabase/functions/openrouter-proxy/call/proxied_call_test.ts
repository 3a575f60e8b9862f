import assert from "node:assert/strict";
import { Hono } from "hono";
import type { BookedCall, BookingEnding, Bookkeeper } from "../books/booking.ts";
import { errorResponse } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";
import { StoreUnavailable } from "../store/rpc.ts";
import type { KnownCost } from "../store/settlement.ts";
import { CHAT, gatewayWith, requestFrom } from "../testing/gateways.ts";
import { identifiedAs, identifyAs } from "../testing/identified.ts";
import { NOW } from "../testing/signers.ts";
import { testWithTimers } from "../testing/with_timers.ts";
import { createProxy, type ProxyDeps } from "./proxied_call.ts";

/** A call of somebody who is known, as far as its admission. @param hasRoom whether the books have room */
async function answerTo(method: string, path: string, hasRoom = false) {
  const asked: string[] = [];
  const body = new TextEncoder().encode('{"model":"m"}');
  const identity = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };
  const identified = identifiedAs(identity, {
    body,
    countRead: () => void asked.push("may it read"),
  });
  const proxy = createProxy({
    config: { extraPaths: [], openrouterUrl: "http://openrouter.test", audience: "http://gateway" },
    identify: identifyAs(identified),
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
    elapsedMs: () => 0,
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
  assert.deepEqual(asked, ["may it read"]);
});

Deno.test("a call has its room in the books while it is being admitted, whatever becomes of that", async () => {
  const { asked } = await answerTo("POST", "/chat/completions", true);
  assert.deepEqual(asked, [
    "may it read",
    "room of did:key:z6Mk",
    "admission",
    "room is given back",
  ]);
});

for (
  const [who, isKnown, received] of [
    ["a token", true, []],
    ["a signature", false, ["received", "given back"]],
  ] as const
) {
  Deno.test(`what is closed is refused to ${who} ${isKnown ? "before" : "once"} its body is received`, async () => {
    const asked: string[] = [];
    const identity = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };
    const identified = identifiedAs(identity, {
      countRead: () => void asked.push("may it read"),
      [Symbol.dispose]: () => void asked.push("given back"),
    });
    const proxy = createProxy({
      config: { extraPaths: [], openrouterUrl: "http://openrouter.test", audience: "http://g" },
      identify: () =>
        Promise.resolve({
          identity: isKnown ? identity : null,
          receive() {
            asked.push("received");
            return Promise.resolve(identified);
          },
        }),
      elapsedMs: () => 0,
    } as unknown as ProxyDeps);
    const app = new Hono<RequestEnv>();
    app.all("*", proxy);
    app.onError((error) => errorResponse(error, "id"));
    const response = await app.request("http://edge/api/v1/openrouter/keys", { method: "POST" });
    assert.equal((await response.json()).error.type, "path_forbidden");
    assert.deepEqual(asked, received);
  });
}

Deno.test("what is never booked needs no room in the books", async () => {
  const { asked } = await answerTo("GET", "/models");
  assert.deepEqual(asked, ["may it read", "admission"]);
});

Deno.test("a call is booked as it was asked for, and its time counts from its arrival", async () => {
  const endings: BookingEnding[] = [];
  let booked: BookedCall | undefined;
  const identity = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };
  const body = new TextEncoder().encode('{"model":"a/b:free"}');
  const identified = identifiedAs(identity, { body });
  const proxy = createProxy({
    config: {
      extraPaths: ["/extra"],
      openrouterUrl: "http://openrouter.test",
      audience: "http://g",
    },
    identify: identifyAs(identified),
    accounts: {
      admit: () => Promise.resolve({ key: null, requestTime: "t", rate: null, remainingUsd: null }),
    },
    catalogue: { ready: () => Promise.resolve(), find: () => null },
    bookkeeper: {
      takeRoom: () => ({ [Symbol.dispose]() {} }),
      openCall(call) {
        booked = call;
        return {
          answering() {},
          firstByte() {},
          end: (ending) => void endings.push(ending),
          settled: Promise.resolve(),
          hurry() {},
        };
      },
    } as Partial<Bookkeeper>,
    pseudonymOf: () => Promise.resolve("pseudonym"),
    elapsedMs: () => 9_000,
  } as unknown as ProxyDeps);
  const app = new Hono<RequestEnv>();
  app.use(async (c, next) => {
    c.set("requestId", "request-1");
    c.set("receivedAt", 5_000);
    await next();
  });
  app.all("*", proxy);
  app.onError((error) => errorResponse(error, "id"));
  for (const path of ["/chat/completions", "/extra/path"]) {
    // Without a key it goes no further.
    const route = `/api/v1/openrouter${path}`;
    await app.request(`http://edge${route}`, { method: "POST" });
    assert.deepEqual(booked, {
      requestId: "request-1",
      requestTime: "t",
      did: identity.did,
      route,
      model: "a/b:free",
      beginsJob: false,
      isFree: true,
      chargesErrors: false,
      receivedAt: 5_000,
    });
  }
  assert.deepEqual(endings.map((ending) => "sent" in ending && ending.sent), [false, false]);
});

testWithTimers(
  "an answer tells what is left of the rate and of the budgets, each where there is one",
  async () => {
    const told = async (admission: object) => {
      const gateway = await gatewayWith({ admission });
      const { headers } = await gateway.fetch(await requestFrom(gateway.signer, {}));
      return ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-budget-remaining-usd"]
        .map((name) => headers.get(name));
    };
    const rate = { limit: 60, remaining: 58, resetMs: 1_001 };
    assert.deepEqual(await told({ rate, remainingUsd: "1.5" }), ["60", "58", "2", "1.5"]);
    assert.deepEqual(await told({ rate }), ["60", "58", "2", null]);
    assert.deepEqual(await told({ remainingUsd: "0" }), [null, null, null, "0"]);
  },
);

testWithTimers("what is free is in the log as any request, and in no books", async () => {
  const gateway = await gatewayWith({});
  const parts = { method: "GET", path: "/api/v1/openrouter/models", body: "" };
  const response = await gateway.fetch(await requestFrom(gateway.signer, parts));
  assert.equal(response.status, 200);
  await response.body?.cancel();
  await gateway.idle();
  assert.deepEqual(gateway.seen.settlements, []);
  const lines = gateway.seen.logs.filter(({ event }) => event === "request");
  assert.deepEqual(lines.map(({ method, status }) => [method, status]), [["GET", 200]]);
});

testWithTimers("OpenRouter's own timing stays beside the gateway's", async () => {
  const gateway = await gatewayWith({
    openrouter: () => new Response("{}", { headers: { "server-timing": "model;dur=7" } }),
  });
  const { headers } = await gateway.fetch(await requestFrom(gateway.signer, {}));
  assert.match(headers.get("server-timing")!, /^model;dur=7, auth;dur=/);
});

testWithTimers(
  "a clock that is set back makes no stage of a call take less than nothing",
  async () => {
    let looks = 0;
    const gateway = await gatewayWith({ now: () => NOW * 1000 - 10 * looks++ });
    const { headers } = await gateway.fetch(await requestFrom(gateway.signer, {}));
    assert.match(
      headers.get("server-timing")!,
      /^auth;dur=[\d.]+, admit;dur=[\d.]+, upstream;dur=[\d.]+$/,
    );
  },
);

testWithTimers(
  "a call that never reached OpenRouter cost nothing, and may be sent again",
  async () => {
    const cases = [
      ["client error (Connect)", { cost: "0", mayBeRepeated: true }],
      ["connection reset", { cost: null, mayBeRepeated: false }],
    ] as const;
    for (const [message, { cost, mayBeRepeated }] of cases) {
      const gateway = await gatewayWith({
        openrouter: () => Promise.reject(new TypeError(message)),
      });
      const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
      assert.equal(response.status, 502);
      await gateway.idle();
      const [row] = gateway.seen.settlements;
      assert.deepEqual([row?.cost, row?.mayBeRepeated], [cost, mayBeRepeated], message);
    }
  },
);

testWithTimers("a call whose client has hung up is not sent, and cost nothing", async () => {
  const gateway = await gatewayWith();
  const request = await requestFrom(gateway.signer, { body: '{"model":"m","stream":true}' });
  const gone = new Request(request, { signal: AbortSignal.abort() });
  await gateway.fetch(gone).catch(() => {});
  await gateway.idle();
  const [row] = gateway.seen.settlements;
  assert.deepEqual(
    [row?.errorMessage, row?.cost, row?.mayBeRepeated, gateway.seen.forwarded.length],
    ["client_disconnected", "0", true, 0],
  );
});

testWithTimers(
  "a call that failed is told once Postgres knows it, where it may be sent again under its key",
  async () => {
    for (const key of ["k", null]) {
      const settling = Promise.withResolvers<void>();
      const settle: Store["settle"] = async () => {
        await settling.promise;
        return { settled: true, totalCostUsd: "0", leftOut: null, isAlerted: false };
      };
      const gateway = await gatewayWith({
        openrouter: () => Promise.reject(new TypeError("client error (Connect)")),
        store: { settle },
        sleep: () => new Promise(() => {}),
      });
      const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
      if (key !== null) request.headers.set("idempotency-key", key);
      let isTold = false;
      const answering = gateway.fetch(request).then((response) => {
        isTold = true;
        return response;
      });
      while (gateway.seen.forwarded.length < 2) await new Promise((resolve) => setTimeout(resolve));
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
      assert.equal(isTold, key === null);
      settling.resolve();
      assert.equal((await answering).status, 502);
    }
  },
);

testWithTimers("what has no row is not withdrawn, whatever became of its admission", async () => {
  const failure = new StoreUnavailable("admit_request: gone", true);
  const gateway = await gatewayWith({ failure });
  const path = "/api/v1/openrouter/models";
  await gateway.fetch(await requestFrom(gateway.signer, { method: "GET", path, body: "" }));
  await gateway.idle();
  assert.deepEqual(gateway.seen.withdrawn, []);
});

testWithTimers(
  "a look at a job books what it cost, and a call's own row besides nothing",
  async () => {
    const booked: KnownCost[] = [];
    const store: Partial<Store> = {
      bookCost(known) {
        booked.push(known);
        return Promise.resolve(true);
      },
    };
    const gateway = await gatewayWith({
      store,
      openrouter: () => Response.json({ id: "job-1", status: "completed", usage: { cost: 0.4 } }),
    });
    const path = "/api/v1/openrouter/videos/job-1";
    const look = await requestFrom(gateway.signer, { method: "GET", path, body: "" });
    await (await gateway.fetch(look)).text();
    await (await gateway.fetch(await requestFrom(gateway.signer, { path: CHAT }))).text();
    await gateway.idle();
    assert.deepEqual(booked.map(({ row, cost }) => [row, cost]), [
      [{ did: gateway.signer.did, generationId: "job-1" }, "0.4"],
    ]);
    assert.equal(gateway.seen.settlements.length, 1);
  },
);
