import assert from "node:assert/strict";
import { createKeyVault } from "./accounts/key_vault.ts";
import {
  AUDIENCE,
  newSigner,
  NOW,
  type Parts,
  signedRequest,
  signedToken,
  type Signer,
} from "./testing/signers.ts";
import { configFromEnv } from "./config/config.ts";
import { createGateway } from "./gateway.ts";
import { OWN_PATHS } from "./openapi/own_paths.ts";
import type { GatewayDeps } from "./parts.ts";
import type { AccountLimits } from "./store/account.ts";
import type { Store } from "./store/store.ts";
import { StoreUnavailable } from "./store/rpc.ts";
import { type Settlement } from "./store/settlement.ts";
import type { Admission } from "./store/admission.ts";
import type { BudgetAlert } from "./store/budget_alerts.ts";
import type { UsageStats } from "./store/usage.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";

const ENVIRONMENT: Record<string, string> = {
  SUPABASE_URL: "http://supabase.test",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
  OPENROUTER_API_URL: "http://openrouter.test/api/v1",
  OPENROUTER_PROVISIONING_KEY: "management",
  API_KEY_ENCRYPTION_KEY: "pOJ2oJXw0uS4s7k6yT1fWm3ZqVb9cNnEaGhRrLtDxQU=",
  GATEWAY_AUDIENCE: AUDIENCE,
};
const CHAT = "/api/v1/openrouter/chat/completions";
const ANSWER = '{"id":"gen-1","model":"m","usage":{"prompt_tokens":1,"completion_tokens":2,' +
  '"cost":0.000001}}';

/** A gateway between a store that admits everybody and an OpenRouter that answers as it is told. */
async function gatewayWith(options: {
  admission?: Partial<Admission>;
  openrouter?: (request: Request) => Response | Promise<Response>;
  /** What the store throws instead of an admission. */
  failure?: Error;
  env?: Record<string, string>;
  /** Who calls; without it a new DID. */
  signer?: Signer;
  /** Whether each settlement brings a budget to a threshold. */
  isAlerted?: boolean;
  /** What else the store does. */
  store?: Partial<Store>;
  sleep?: (ms: number) => Promise<void>;
} = {}) {
  const environment = { ...ENVIRONMENT, ...options.env };
  const config = configFromEnv({ get: (name) => environment[name] });
  const signer = options.signer ?? await newSigner("did:key Ed25519");
  const vault = createKeyVault(config.encryptionKey, null);
  const seen = {
    settlements: [] as Settlement[],
    logs: [] as Record<string, unknown>[],
    forwarded: [] as Request[],
    admissions: 0,
    withdrawn: [] as string[],
    sweeps: 0,
  };
  const pending = new Set<Promise<unknown>>();
  const store = {
    admit: async () => {
      seen.admissions++;
      if (options.failure) throw options.failure;
      return {
        decision: "admitted",
        key: {
          encryptedApiKey: await vault.seal(signer.did, "sk-or-v1-user"),
          hash: "hash",
          newLimit: null,
        },
        requestTime: "2026-11-22T00:00:00Z",
        rate: null,
        remainingUsd: null,
        ...options.admission,
      } as Admission;
    },
    settle: (settlement: Settlement) => {
      seen.settlements.push(settlement);
      return Promise.resolve({
        settled: true,
        totalCostUsd: settlement.cost,
        leftOut: null,
        isAlerted: options.isAlerted ?? false,
      });
    },
    expireStaleRequests: () => {
      seen.sweeps++;
      return Promise.resolve(0);
    },
    withdraw: (requestId: string) => {
      seen.withdrawn.push(requestId);
      return Promise.resolve(true);
    },
    ping: () => Promise.resolve(),
    ...options.store,
  } as Partial<Store> as Store;
  const deps: GatewayDeps = {
    config,
    store,
    fetch: async (input, init) => {
      const request = new Request(input as string, init);
      if (request.url.includes("/generation?")) return new Response("{}", { status: 404 });
      if (request.url.endsWith("/models?output_modalities=all")) return Response.json({ data: [] });
      seen.forwarded.push(request);
      return await (options.openrouter ?? (() =>
        new Response(ANSWER, {
          headers: { "content-type": "application/json" },
        })))(request);
    },
    now: () => NOW * 1000,
    sleep: options.sleep ?? (() => Promise.resolve()),
    waitUntil: (promise) => {
      pending.add(promise);
      promise.finally(() => pending.delete(promise));
    },
    log: (event) => seen.logs.push(event),
  };
  const idle = async () => {
    while (pending.size > 0) await Promise.all(pending);
  };
  return { ...createGateway(deps), signer, seen, idle };
}

/** A signed request as the function sees it, hosted or served locally. */
async function requestFrom(
  signer: Signer,
  parts: Partial<Parts>,
  base = "http://edge/openrouter-proxy",
): Promise<Request> {
  const signed = await signedRequest(signer, { path: CHAT, ...parts });
  const hasBody = signed.method !== "GET" && signed.method !== "HEAD";
  return new Request(base + signed.pathAndQuery, {
    method: signed.method,
    headers: signed.headers,
    ...(hasBody ? { body: signed.body } : {}),
  });
}

async function errorOf(response: Response) {
  const { success, error } = await response.json();
  assert.equal(success, false);
  assert.equal(error.code, response.status);
  assert.equal(error.request_id, response.headers.get("x-request-id"));
  return error;
}

for (const base of ["http://edge/openrouter-proxy", "http://l/functions/v1/openrouter-proxy"]) {
  test(`a signed call below ${base} is forwarded, answered and settled`, async () => {
    const gateway = await gatewayWith();
    const response = await gateway.fetch(
      await requestFrom(gateway.signer, { body: '{"model":"m"}' }, base),
    );
    assert.equal(response.status, 200);
    assert.equal(await response.text(), ANSWER);
    assert.match(
      response.headers.get("server-timing")!,
      /^auth;dur=[\d.]+, admit;dur=[\d.]+, upstream;dur=[\d.]+$/,
    );
    const [forwarded] = gateway.seen.forwarded;
    assert.equal(forwarded!.url, "http://openrouter.test/api/v1/chat/completions");
    assert.equal(forwarded!.headers.get("authorization"), "Bearer sk-or-v1-user");
    assert.match(
      await forwarded!.text(),
      /^\{"usage":\{"include":true\},"user":"[0-9a-f]{32}","model":"m"\}$/,
    );
    await gateway.idle();
    const [settlement] = gateway.seen.settlements;
    assert.equal(settlement!.status, "completed");
    assert.equal(settlement!.cost, "0.000001");
    assert.equal(settlement!.requestId, response.headers.get("x-request-id"));
    assert.equal(gateway.seen.logs.length, 1);
    assert.equal(gateway.seen.logs[0]!.request_id, settlement!.requestId);
  });
}

test("a wrong signature costs no call of the store and none of OpenRouter", async () => {
  const gateway = await gatewayWith();
  const request = await requestFrom(gateway.signer, {});
  const altered = new Request(request.url + "?x=1", request);
  const response = await gateway.fetch(altered);
  assert.equal((await errorOf(response)).type, "invalid_signature");
  assert.equal(response.headers.get("www-authenticate"), "DID");
  assert.deepEqual([gateway.seen.admissions, gateway.seen.forwarded.length], [0, 0]);
});

for (
  const [decision, status, type] of [
    ["access_denied", 403, "access_denied"],
    ["token_revoked", 401, "invalid_token"],
    ["not_owned", 404, "not_found"],
    ["replayed", 401, "replayed_request"],
    ["duplicate", 409, "duplicate_request"],
  ] as const
) {
  test(`a call that is refused as ${decision} answers ${status} and is not forwarded`, async () => {
    const gateway = await gatewayWith({ admission: { decision } as Admission });
    const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
    assert.equal(response.status, status);
    assert.equal(response.headers.get("x-should-retry"), "false");
    assert.equal((await errorOf(response)).type, type);
    assert.equal(gateway.seen.forwarded.length, 0);
  });
}

test("a refusal that may be sent again is told once Postgres knows that it may", async () => {
  const settling = Promise.withResolvers<void>();
  const gateway = await gatewayWith({
    openrouter: () =>
      Response.json({ error: { code: 429, message: "slow down" } }, { status: 429 }),
    store: {
      settle: async () => {
        await settling.promise;
        return { settled: true, totalCostUsd: "0", leftOut: null, isAlerted: false };
      },
    },
    sleep: () => new Promise(() => {}),
  });
  const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
  request.headers.set("idempotency-key", "k");
  let isTold = false;
  const answering = gateway.fetch(request).then((response) => {
    isTold = true;
    return response;
  });
  while (gateway.seen.forwarded.length === 0) await new Promise((resolve) => setTimeout(resolve));
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isTold, false);
  settling.resolve();
  assert.equal((await answering).status, 429);
});

for (const mayHaveArrived of [true, false]) {
  const what = mayHaveArrived ? "only its answer may have got lost" : "it certainly failed";
  test(`a call whose admission failed is ${mayHaveArrived ? "" : "not "}withdrawn where ${what}`, async () => {
    const failure = new StoreUnavailable("admit_request: gone", mayHaveArrived);
    const gateway = await gatewayWith({ failure });
    const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
    assert.equal((await errorOf(response)).type, "store_unavailable");
    await gateway.idle();
    const requestId = response.headers.get("x-request-id");
    assert.deepEqual(gateway.seen.withdrawn, mayHaveArrived ? [requestId] : []);
    assert.equal(gateway.seen.forwarded.length, 0);
  });
}

test("a row that was admitted ends even when its key does not open", async () => {
  const key = { encryptedApiKey: "v1.moved.a.b", hash: "hash", newLimit: null };
  const gateway = await gatewayWith({ admission: { key } });
  const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
  assert.equal((await errorOf(response)).type, "internal_error");
  await gateway.idle();
  assert.equal(gateway.seen.settlements[0]!.status, "failed");
  assert.equal(gateway.seen.forwarded.length, 0);
});

test("what is free goes to OpenRouter without an authorization where the DID has no key", async () => {
  const gateway = await gatewayWith({
    admission: { key: null },
    // As OpenRouter refuses a key that is gone: without one, there is none to replace.
    openrouter: () => Response.json({ error: { message: "User not found." } }, { status: 401 }),
  });
  const path = "/api/v1/openrouter/models";
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { method: "GET", path, body: "" }),
  );
  assert.equal(response.status, 401);
  assert.deepEqual(
    gateway.seen.forwarded.map(({ url, headers }) => [url, headers.get("authorization")]),
    [["http://openrouter.test/api/v1/models", null]],
  );
});

for (const path of ["/key", "/Key/", "/generation?id=gen-1", "/videos/job-1"]) {
  test(`a DID without a key is told how to get one instead of GET ${path}`, async () => {
    const gateway = await gatewayWith({ admission: { key: null } });
    const response = await gateway.fetch(
      await requestFrom(gateway.signer, {
        method: "GET",
        path: `/api/v1/openrouter${path}`,
        body: "",
      }),
    );
    const { type, message } = await errorOf(response);
    assert.equal(type, "not_found");
    assert.match(message, /no OpenRouter key yet: its first call that may cost makes one/);
    assert.equal(gateway.seen.forwarded.length, 0);
  });
}

test("the answer that begins a job comes when the job is in the log, so that it can be asked for", async () => {
  const gateway = await gatewayWith({
    openrouter: () =>
      new Response('{"id":"job-1"}', {
        status: 202,
        headers: { "content-type": "application/json" },
      }),
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { path: "/api/v1/openrouter/videos" }),
  );
  assert.deepEqual(gateway.seen.settlements.map((row) => row.generationId), ["job-1"]);
  assert.deepEqual([response.status, await response.text()], [202, '{"id":"job-1"}']);
});

test("a key that cannot be replaced leaves a row of which nothing was billed", async () => {
  const gateway = await gatewayWith({
    openrouter: ({ url }) =>
      url.includes("/keys/")
        ? new Response("{}", { status: 500 })
        : new Response('{"error":{"message":"User not found.","code":401}}', { status: 401 }),
  });
  const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
  assert.equal((await errorOf(response)).type, "provisioning_failed");
  await gateway.idle();
  const [row] = gateway.seen.settlements;
  assert.deepEqual([row!.status, row!.mayBeRepeated], ["failed", true]);
});

test("known routes with another method answer 405 with Allow, unknown ones 404", async () => {
  const gateway = await gatewayWith();
  const wrong = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/api/v1/usage", { method: "POST" }),
  );
  assert.equal(wrong.headers.get("allow"), "GET");
  assert.equal((await errorOf(wrong)).type, "method_not_allowed");
  for (const path of ["/v1/chat/completions", "/api/v1/openrouter", "/api/v1/openrouter/"]) {
    const unknown = await gateway.fetch(new Request(`http://edge/openrouter-proxy${path}`));
    const { type, message } = await errorOf(unknown);
    assert.equal(type, "not_found");
    assert.match(message, /did you mean \/api\/v1\/openrouter\/chat\/completions\?/);
  }
  const misspelt = await gateway.fetch(new Request("http://edge/openrouter-proxy/api/v1/usages"));
  assert.match((await errorOf(misspelt)).message, /did you mean \/api\/v1\/usage\?/);
});

for (
  const [method, path, taken] of [
    ["GET", "/", "deep"],
    ["GET", "/api/v1/health", "deep"],
    ["GET", "/api/v1/usage", "start_date, end_date, group_by, session, label"],
    ["GET", "/api/v1/usage/requests", "limit, cursor, session, label"],
    ["GET", "/api/v1/usage/requests/0191e0a4-0000-7000-8000-0123456789ab", "none"],
    ["GET", "/api/v1/limits", "none"],
    ["POST", "/api/v1/maintenance", "budget_seconds"],
  ] as const
) {
  test(`${method} ${path} refuses a parameter that it does not have, by name`, async () => {
    const gateway = await gatewayWith();
    const request = await requestFrom(gateway.signer, { method, path: `${path}?of=x`, body: "" });
    request.headers.set("apikey", "sb_secret_x");
    const { type, param, message } = await errorOf(await gateway.fetch(request));
    assert.deepEqual([type, param], ["invalid_request", "of"]);
    assert.equal(message, `of is no parameter of this route: it takes ${taken}`);
  });
}

test("the OpenAPI document has the query parameters that each route takes, and no others", async () => {
  const gateway = await gatewayWith();
  for (const [path, item] of Object.entries(OWN_PATHS)) {
    for (const [method, operation] of Object.entries(item)) {
      const { parameters = [] } = operation as { parameters?: { in: string; name: string }[] };
      const request = await requestFrom(gateway.signer, {
        method: method.toUpperCase(),
        path: `${path.replace("{id}", crypto.randomUUID())}?of=x`,
        body: "",
      });
      request.headers.set("apikey", "sb_secret_x");
      const response = await gateway.fetch(request);
      const { error } = await response.json();
      const described = parameters.filter((parameter) => parameter.in === "query")
        .map(({ name }) => name);
      const taken = described.join(", ") || "none";
      assert.equal(error?.message, `of is no parameter of this route: it takes ${taken}`, path);
    }
  }
});

test("reads of a DID take from one bucket, and one too many asks nobody", async () => {
  let asked = 0;
  const gateway = await gatewayWith({
    env: { READS_PER_MINUTE: "3" },
    store: {
      usageStats: () => {
        asked++;
        return Promise.resolve({ total_cost: "0", groups: [] } as unknown as UsageStats);
      },
      accountLimits: () => {
        asked++;
        return Promise.resolve({} as AccountLimits);
      },
    },
  });
  const read = async (path: string) => {
    const parts = { method: "GET", path, body: "" };
    return await gateway.fetch(await requestFrom(gateway.signer, parts));
  };
  const paths = ["/api/v1/usage", "/api/v1/limits", "/api/v1/openrouter/models"];
  for (const [index, path] of paths.entries()) {
    const { status, headers } = await read(path);
    assert.equal(status, 200);
    assert.deepEqual(
      ["limit", "remaining", "reset"].map((name) => headers.get(`ratelimit-${name}`)),
      ["3", String(2 - index), String(20 * (index + 1))],
    );
  }
  for (const path of paths) {
    const response = await read(path);
    assert.equal(response.headers.get("retry-after"), "20");
    assert.equal((await errorOf(response)).type, "rate_limited");
  }
  assert.deepEqual([asked, gateway.seen.admissions, gateway.seen.forwarded.length], [2, 1, 1]);
  // A call is no read.
  const call = await gateway.fetch(await requestFrom(gateway.signer, {}));
  assert.deepEqual([call.status, call.headers.get("ratelimit-limit")], [200, null]);
});

test("a DID that is refused too often is refused without asking Postgres, by its token before its body comes", async () => {
  const gateway = await gatewayWith({ admission: { decision: "access_denied" } as Admission });
  for (let call = 0; call < 120; call++) {
    const response = await gateway.fetch(await requestFrom(gateway.signer, {}));
    assert.equal((await errorOf(response)).type, "access_denied");
  }
  const signed = await gateway.fetch(await requestFrom(gateway.signer, {}));
  const refusal = await errorOf(signed);
  assert.deepEqual([refusal.type, refusal.scope], ["rate_limited", "did"]);

  let received = false;
  const token = await signedToken(gateway.signer);
  const body = new ReadableStream({
    pull(controller) {
      received = true;
      controller.close();
    },
  }, { highWaterMark: 0 });
  const withToken = await gateway.fetch(
    new Request(`http://edge/openrouter-proxy${CHAT}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body,
    }),
  );
  assert.equal((await errorOf(withToken)).type, "rate_limited");
  assert.deepEqual([received, gateway.seen.admissions], [false, 120]);
});

test("health answers at the root with and without a slash, and to HEAD", async () => {
  const gateway = await gatewayWith();
  for (const path of ["", "/", "/api/v1/health", "/api/v1/health?deep=1"]) {
    const response = await gateway.fetch(new Request(`http://edge/openrouter-proxy${path}`));
    assert.equal((await response.json()).data.status, "healthy", path);
  }
  const head = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/", { method: "HEAD" }),
  );
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("HEAD is forwarded as HEAD and answered without a body", async () => {
  const gateway = await gatewayWith({ openrouter: () => new Response(null, { status: 200 }) });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, {
      method: "HEAD",
      path: "/api/v1/openrouter/models",
      body: "",
    }),
  );
  assert.equal(gateway.seen.forwarded[0]!.method, "HEAD");
  assert.deepEqual([response.status, response.body], [200, null]);
});

test("errors carry CORS headers and what browsers may read of them", async () => {
  const gateway = await gatewayWith();
  const response = await gateway.fetch(
    new Request("http://edge/openrouter-proxy/nowhere", { headers: { origin: "http://app.test" } }),
  );
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.match(response.headers.get("access-control-expose-headers")!, /x-request-id/);
  await response.body?.cancel();
});

test("a client that hangs up mid-stream ends the call at OpenRouter and the row", async () => {
  const aborted = Promise.withResolvers<void>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      request.signal.addEventListener("abort", () => aborted.resolve());
      const endless = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('data: {"id":"gen-1","model":"m"}\n\n'));
        },
      });
      return new Response(endless, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, gateway.fetch);
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const hangUp = new AbortController();
    const request = await requestFrom(gateway.signer, { body: '{"stream":true}' }, base);
    const response = await fetch(request, { signal: hangUp.signal });
    await response.body!.getReader().read();
    hangUp.abort();
    await aborted.promise;
    await gateway.idle();
    assert.equal(gateway.seen.settlements[0]!.errorMessage, "client_disconnected");
  } finally {
    await server.shutdown();
  }
});

test("a completed stream is completed although the runtime aborts its signal afterwards", async () => {
  const gateway = await gatewayWith();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, gateway.fetch);
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const response = await fetch(await requestFrom(gateway.signer, {}, base));
    assert.equal(await response.text(), ANSWER);
    await gateway.idle();
    assert.deepEqual(
      gateway.seen.settlements.map(({ status, cost }) => [status, cost]),
      [["completed", "0.000001"]],
    );
  } finally {
    await server.shutdown();
  }
});

test("a call that is no stream is heard to its end when its client hangs up before the headers", async () => {
  const forwarded = Promise.withResolvers<Request>();
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      forwarded.resolve(request);
      return answer.promise;
    },
  });
  const gone = Promise.withResolvers<void>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    request.signal.addEventListener("abort", () => gone.resolve());
    return gateway.fetch(request);
  });
  try {
    const base = `http://127.0.0.1:${server.addr.port}/openrouter-proxy`;
    const hangUp = new AbortController();
    const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' }, base);
    const response = fetch(request, { signal: hangUp.signal });
    const sent = await forwarded.promise;
    hangUp.abort();
    await assert.rejects(response);
    await gone.promise;
    assert.equal(sent.signal.aborted, false);
    answer.resolve(new Response(ANSWER, { headers: { "content-type": "application/json" } }));
    await gateway.idle();
    assert.deepEqual(
      gateway.seen.settlements.map(({ errorMessage, cost }) => [errorMessage, cost]),
      [["client_disconnected", "0.000001"]],
    );
  } finally {
    await server.shutdown();
  }
});

test("a call that OpenRouter is late for is 504, and goes on until its cost is booked", async () => {
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: () => answer.promise,
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal(response.status, 504);
  assert.equal((await errorOf(response)).type, "upstream_timeout");
  assert.deepEqual(gateway.seen.settlements, []);
  answer.resolve(new Response(ANSWER, { headers: { "content-type": "application/json" } }));
  await gateway.idle();
  assert.deepEqual(
    gateway.seen.settlements.map((
      { status, errorMessage, cost, generationId },
    ) => [status, errorMessage, cost, generationId]),
    [[
      "failed",
      "upstream_timeout: OpenRouter sent no response headers within 300 ms",
      "0.000001",
      "gen-1",
    ]],
  );
});

test("a late call that is refused after all is settled as that, at no cost", async () => {
  const answer = Promise.withResolvers<Response>();
  const gateway = await gatewayWith({
    openrouter: () => answer.promise,
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal(response.status, 504);
  answer.resolve(Response.json({ error: { code: 429, message: "slow down" } }, { status: 429 }));
  await gateway.idle();
  assert.deepEqual(
    gateway.seen.settlements.map((
      { errorMessage, cost, mayBeRepeated },
    ) => [errorMessage, cost, mayBeRepeated]),
    [["429: slow down", "0", true]],
  );
});

test("a stream that OpenRouter is late for is 504, and ends", async () => {
  const forwarded = Promise.withResolvers<Request>();
  const gateway = await gatewayWith({
    openrouter: (request) => {
      forwarded.resolve(request);
      return new Promise((_, reject) =>
        request.signal.addEventListener("abort", () => reject(request.signal.reason))
      );
    },
    env: { UPSTREAM_HEADERS_TIMEOUT_MS: "300" },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"stream":true}' }),
  );
  assert.equal(response.status, 504);
  assert.equal((await forwarded.promise).signal.aborted, true);
  await gateway.idle();
  assert.deepEqual(gateway.seen.settlements.map(({ cost }) => cost), [null]);
});

Deno.test("calls that are refused leave no memory taken, however large they were", async () => {
  const gateway = await gatewayWith({ admission: { decision: "access_denied" } as Admission });
  const body = JSON.stringify({ model: "m", padding: "x".repeat(4 * 1024 * 1024) });
  const refusals = [
    ["/api/v1/openrouter/files", body, "path_forbidden"],
    [CHAT, `${body}}`, "invalid_request"],
    [CHAT, body, "access_denied"],
  ] as const;
  // Each with more than what all bodies together may hold.
  for (const [path, body, type] of refusals) {
    for (let n = 0; n < 13; n++) {
      const request = await requestFrom(gateway.signer, { path, body });
      assert.equal((await errorOf(await gateway.fetch(request))).type, type);
    }
  }
});

test("what is settled is followed by a sweep of stale rows, once a minute and no more", async () => {
  const gateway = await gatewayWith();
  for (let call = 0; call < 3; call++) {
    const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
    await (await gateway.fetch(request)).text();
    await gateway.idle();
  }
  assert.deepEqual([gateway.seen.settlements.length, gateway.seen.sweeps], [3, 1]);
});

for (const isAlerted of [true, false]) {
  const what = isAlerted ? "as soon as a settlement tells of them" : "once a minute in any case";
  test(`alerts go to the webhook ${what}`, async () => {
    const alert: BudgetAlert = {
      id: "1",
      scope: "gateway",
      did: null,
      kind: "day",
      period_start: "2026-11-22",
      threshold: 80,
      limit: "5",
      reached: "4",
      reached_at: "2026-11-22T00:00:00+00:00",
      attempts: 1,
    };
    const due: BudgetAlert[][] = [[], [alert]];
    const ended: string[] = [];
    const webhook = "http://hooks.test/T1?code=2";
    const gateway = await gatewayWith({
      env: { ALERT_WEBHOOK_URL: webhook, ALERT_WEBHOOK_SECRET: "16 characters..." },
      isAlerted,
      store: {
        claimBudgetAlerts: () => Promise.resolve({ alerts: due.shift() ?? [], left: 0 }),
        endBudgetAlert: (id) => Promise.resolve(ended.push(id) > 0),
      },
    });
    for (let call = 0; call < 2; call++) {
      const request = await requestFrom(gateway.signer, { body: '{"model":"m"}' });
      await (await gateway.fetch(request)).text();
      await gateway.idle();
    }
    const sent = gateway.seen.forwarded.filter(({ url }) => url === webhook);
    assert.equal(sent.length, isAlerted ? 1 : 0);
    assert.deepEqual(ended, isAlerted ? ["1"] : []);
    // The sweep after the first settlement has asked.
    assert.ok(due.length < 2);
    if (isAlerted) assert.match(sent[0]!.headers.get("x-signature-256")!, /^sha256=[0-9a-f]{64}$/);
  });
}

test("a DID keeps its pseudonym while its encryption key is being replaced", async () => {
  const signer = await newSigner("did:key Ed25519");
  const userOf = async (env: Record<string, string>) => {
    const gateway = await gatewayWith({ env, signer });
    const request = await requestFrom(signer, { body: '{"model":"m"}' });
    await (await gateway.fetch(request)).text();
    return JSON.parse(await gateway.seen.forwarded[0]!.text()).user;
  };
  const key = ENVIRONMENT.API_KEY_ENCRYPTION_KEY!;
  const next = "gR0UG2/h9BtmAIUG5LL9JsufL964ZZ885TFdSdmGSG4=";
  const before = await userOf({});
  const during = { API_KEY_ENCRYPTION_KEY: next, API_KEY_ENCRYPTION_KEY_PREVIOUS: key };
  assert.equal(await userOf(during), before);
  assert.notEqual(await userOf({ API_KEY_ENCRYPTION_KEY: next }), before);
});
