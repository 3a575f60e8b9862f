import assert from "node:assert/strict";
import { newSigner } from "./testing/signers.ts";
import { StoreUnavailable } from "./store/rpc.ts";
import type { Admission } from "./store/admission_decision.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { ANSWER, ENVIRONMENT, errorOf, gatewayWith, requestFrom } from "./testing/gateways.ts";

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
      settleSoon() {},
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
  assert.equal(response.status, 404);
  assert.equal((await errorOf(response)).type, "not_found");
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
