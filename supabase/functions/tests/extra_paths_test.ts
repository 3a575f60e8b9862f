/** OPENROUTER_EXTRA_PATHS: what the operator opens, and what that never opens. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { call, type Identity, newIdentity } from "./harness/client.ts";
import { pathsBetween } from "./harness/contract.ts";
import { crowdFor } from "./harness/crowd.ts";
import { startFront } from "./harness/front.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { inTurns } from "./harness/in_turns.ts";
import { CALLS } from "./harness/open_paths.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const CLOSED = pathsBetween("It never opens these prefixes", "Whatever begins like one of them");
/** A prefix, and all that an operator must not open, asked for by name. */
const world = useWorld({
  env: {
    OPENROUTER_API_URL: front.url,
    OPENROUTER_EXTRA_PATHS: ["/brand/new", ...CLOSED].join(", "),
  },
});
let everything: GatewayProcess;
/** A DID that has a key. */
let identity: Identity;

Deno.test.beforeAll(async () => {
  front.target = world.openrouter.url;
  const [gateway] = await startGateways(1, { ...world.env, OPENROUTER_EXTRA_PATHS: "*" });
  everything = gateway!;
  world.defer(everything.stop);
  identity = await newIdentity();
  const body = JSON.stringify(CALLS["/chat/completions"]);
  const path = `${API}/chat/completions`;
  const response = await call(world.gateway, identity, "POST", path, body);
  await response.body?.cancel();
  await world.db.endedRows(identity.did, 1);
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** OpenRouter answers these routes so until the test is over. */
function answering(routes: string[], answer: (response: ServerResponse) => void): Disposable {
  for (const route of routes) {
    front.handlers.set(route, (_request, response) => answer(response));
  }
  return {
    [Symbol.dispose]() {
      for (const route of routes) front.handlers.delete(route);
    },
  };
}

Deno.test("an extra path opens what it names and what is below, with every method, and nothing beside", async () => {
  const routes = METHODS.flatMap((method) => [
    `${method} /brand/new`,
    `${method} /brand/new/below`,
  ]);
  using _ = answering(routes, (response) => response.writeHead(200).end());
  for (const method of METHODS) {
    for (const path of ["/brand/new", "/brand/new/below", "/v1/brand/new"]) {
      const response = await call(world.gateway, identity, method, API + path);
      assert.equal(response.status, 200, `${method} ${path}`);
      await response.body?.cancel();
    }
    if (method === "HEAD") continue;
    for (const path of ["/brand", "/brand/newer", "/brand/new;x"]) {
      const response = await call(world.gateway, identity, method, API + path);
      const { message } = await assertRefused(response, 403, "path_forbidden");
      assert.match(message, /OPENROUTER_EXTRA_PATHS/);
    }
  }
});

Deno.test("a POST below an extra path is booked as a call, whatever its body, and nothing else is", async () => {
  const { db } = world;
  const routes = METHODS.map((method) => `${method} /anything/at/all`);
  using _ = answering(routes, (response) => {
    response.writeHead(200, { "content-type": "application/json" })
      .end('{"id":"gen-new-1","model":"new/model","usage":{"input_tokens":7,"cost":0.25}}');
  });
  const caller = await newIdentity();
  const path = `${API}/anything/at/all`;
  for (const body of ['{"model":"new/model"}', "no json"]) {
    const response = await call(everything, caller, "POST", path, body);
    assert.equal(response.status, 200);
    await response.body?.cancel();
    const row = await db.endedRow(response);
    assert.deepEqual([row.endpoint, row.status, row.total_cost, row.input_tokens], [
      "other",
      "completed",
      "0.25",
      7,
    ]);
  }
  for (const method of METHODS.filter((method) => method !== "POST")) {
    const response = await call(everything, caller, method, path);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  assert.deepEqual(await db.booked(caller.did), { requests: 2, failed: 0, cost: "0.5" });
});

Deno.test("a DID without a key is told so where OpenRouter wants one, below an extra path too", async () => {
  const routes = ["GET /brand/new", "DELETE /brand/new/below"];
  using _ = answering(routes, (response) => {
    response.writeHead(401, { "content-type": "application/json" });
    response.end('{"error":{"message":"No cookie auth credentials found","code":401}}');
  });
  const nobody = await newIdentity();
  for (const route of routes) {
    const [method, path] = route.split(" ") as [string, string];
    const response = await call(world.gateway, nobody, method, API + path);
    const { message } = await assertRefused(response, 404, "not_found");
    assert.match(message, /no OpenRouter key yet/);
  }
});

Deno.test("what an unknown call reaches from its body is closed as anywhere", async () => {
  const body = JSON.stringify({ tools: [{ type: "openrouter:shell" }] });
  const response = await call(everything, identity, "POST", `${API}/brand/new`, body);
  const { param } = await assertRefused(response, 403, "feature_not_allowed");
  assert.equal(param, "tools[0].type");
});

Deno.test("neither * nor its own name opens what is closed for good, in whatever spelling", async () => {
  const { db, gateway, openrouter } = world;
  assert.ok(CLOSED.length > 20);
  const before = openrouter.requestCount();
  const rows = await db.rowsOf(identity.did);
  const spelled = CLOSED.flatMap((path) => [
    `${path}/below`,
    path.toUpperCase(),
    `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`,
    `${path};x`,
    `${path}.json`,
    `/v1${path}?x=1`,
  ]);
  const attempts = [
    ...CLOSED.flatMap((path) => METHODS.map((method) => ({ method, path }))),
    ...spelled.map((path, index) => ({ method: METHODS[index % METHODS.length]!, path })),
  ];
  const crowd = [identity, ...await crowdFor(attempts.length)];
  await inTurns(
    [everything, gateway].flatMap((at) => attempts.map((one) => ({ at, ...one }))).entries(),
    async ([index, { at, method, path }]) => {
      const caller = crowd[index % crowd.length]!;
      const response = await call(at, caller, method, API + path);
      const text = await response.text();
      assert.equal(response.status, 403, `${method} ${path} ${text}`);
      if (method !== "HEAD") assert.equal(JSON.parse(text).error.type, "path_forbidden");
    },
  );
  assert.equal(openrouter.requestCount(), before);
  assert.deepEqual(await db.rowsOf(identity.did), rows);
});

Deno.test("* makes nobody's generation and job another DID's", async () => {
  const stranger = await newIdentity();
  const [row] = await world.db.rowsOf(identity.did);
  const { generation_id: id } = row!;
  const asked: [path: string, status: number][] = [
    [`/generation?id=${id}`, 404],
    [`/videos/${id}`, 404],
    [`/videos/${id}/content`, 404],
    [`/generation.json?id=${id}`, 403],
    [`/generation/${id}`, 403],
    [`/videos/${id}/cancel`, 403],
    [`/videos/${id};x`, 403],
  ];
  for (const [path, status] of asked) {
    const response = await call(everything, stranger, "GET", API + path);
    assert.equal(response.status, status, `${path} ${await response.text()}`);
  }
});

/** Paths that OpenRouter does not have, or not for POST. */
const NOT_THERE: [what: string, path: string, status: number][] = [
  ["an unknown path", "/no/such/route", 404],
  ["a path that is only read", "/tools", 405],
  ["a call's path that OpenRouter no longer has", "/systemone", 404],
];

for (const [what, path, status] of NOT_THERE) {
  Deno.test(`a POST to ${what} leaves no row and no failed call, and frees its Idempotency-Key`, async () => {
    const { db } = world;
    using _ = answering(path === "/systemone" ? ["POST /systemone"] : [], (response) => {
      response.writeHead(404, { "content-type": "application/json" })
        .end('{"error":{"message":"Not Found","code":404}}');
    });
    const caller = await newIdentity();
    const headers = { "idempotency-key": "one" };
    for (let time = 0; time < 2; time++) {
      const response = await call(everything, caller, "POST", API + path, "{}", { headers });
      assert.equal(response.status, status);
      assert.equal((await response.json()).error.code, status);
    }
    assert.deepEqual(await db.rowsOf(caller.did), []);
    assert.deepEqual(await db.booked(caller.did), { requests: 0, failed: 0, cost: "0" });
    const response = await call(everything, caller, "GET", "/api/v1/usage");
    const { data } = await response.json();
    assert.deepEqual([data.total_requests, data.failed_requests], [0, 0]);
  });
}

Deno.test("a 404 that speaks of a model is a failed call like any other", async () => {
  const { db } = world;
  using _ = answering(["POST /rerank"], (response) => {
    response.writeHead(404, { "content-type": "application/json" })
      .end('{"error":{"message":"No endpoints found for m","code":404}}');
  });
  const caller = await newIdentity();
  const body = JSON.stringify(CALLS["/rerank"]);
  const response = await call(everything, caller, "POST", `${API}/rerank`, body);
  assert.equal(response.status, 404);
  await response.body?.cancel();
  const [row] = await db.endedRows(caller.did, 1);
  assert.deepEqual([row?.status, row?.http_status], ["failed", 404]);
});
