import assert from "node:assert/strict";
import type { Identity } from "../auth/authenticate.ts";
import { utf8 } from "../bytes/encodings.ts";
import { openedBy } from "../policy/endpoints.ts";
import { CATALOGUE } from "../testing/listed_models.ts";
import { admissionRequest } from "./admission.ts";
import { orderOf } from "./order.ts";

const REPLAY = { hash: "ab", expiresAt: new Date("2026-11-22T10:06:00Z") };
const IDENTITY: Identity = { did: "did:key:z6Mk", replay: REPLAY, tokenIssuedAt: null };

/** What Postgres is told of a request, and which models' prices were waited for. */
async function told(
  body: object | null,
  { method = "POST", path = "/chat/completions", usdPerCredit = "1", headers = {} } = {},
) {
  const waitedFor: (readonly string[])[] = [];
  const catalogue = {
    ...CATALOGUE,
    async ready(models: readonly string[]) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      waitedFor.push(models);
    },
  };
  const bytes = utf8(body === null ? "" : JSON.stringify(body));
  const opened = openedBy(method, { path, search: "" }, ["*"]);
  const order = await orderOf(opened, new Headers(headers), bytes);
  const request = await admissionRequest("id", method, IDENTITY, order, catalogue, usdPerCredit);
  return { request, waitedFor };
}

Deno.test("a call is told with its price, once the list of prices was waited for", async () => {
  const { request, waitedFor } = await told({ model: "a/embeds", input: "hi" }, {
    path: "/embeddings",
  });
  assert.deepEqual(waitedFor, [["a/embeds"]]);
  assert.deepEqual([request.model, request.models], ["a/embeds", ["a/embeds"]]);
  assert.deepEqual(request.estimate.map((one) => Object.keys(one)), [["usd"]]);
});

Deno.test("what is free waits for no prices, and reserves nothing", async () => {
  const { request, waitedFor } = await told(null, { method: "GET", path: "/models" });
  assert.deepEqual(waitedFor, []);
  assert.deepEqual(request, {
    requestId: "id",
    did: IDENTITY.did,
    method: "GET",
    endpoint: "/models",
    metered: false,
    model: null,
    streaming: false,
    replay: null,
    tokenIssuedAt: null,
    ownedGenerations: [],
    sharedFeatures: [],
    serverTools: [],
    idempotency: null,
    models: [],
    runsUnnamed: null,
    freeModel: false,
    estimate: [],
    outputBound: null,
    hasLongMedia: false,
    session: null,
    label: null,
  });
});

Deno.test("listed prices are exchanged at the operator's rate, for output without a bound, too", async () => {
  const { request: bounded } = await told({ model: "a/plain", max_tokens: 10 });
  const { request: cheap } = await told({ model: "a/plain", max_tokens: 10 }, {
    usdPerCredit: "0.001",
  });
  const usdOf = ([one]: typeof bounded.estimate) => "usd" in one! ? Number(one.usd) : NaN;
  assert.ok(usdOf(bounded.estimate) > 0.1);
  assert.equal(usdOf(cheap.estimate), usdOf(bounded.estimate) / 1000);
  const { request: unbounded } = await told({ model: "a/plain" }, { usdPerCredit: "0.001" });
  const [one] = unbounded.estimate;
  assert.ok(one && "usd_per_output_token" in one);
  assert.deepEqual([one.usd_per_output_token, one.output_tokens], ["0.00001", 100]);
  const { request: inCredits } = await told({ model: "a/plain" });
  assert.ok(usdOf(unbounded.estimate) > 0);
  assert.equal(usdOf(unbounded.estimate), usdOf(inCredits.estimate) / 1000);
  const { request: unknown } = await told({ model: "x/y" }, { usdPerCredit: "0.001" });
  assert.deepEqual(unknown.estimate, [{ unknown: "price" }]);
});

Deno.test("a model that nobody lists is not booked, although it is held against lists of models", async () => {
  const { request } = await told({ model: "made/up" });
  assert.equal(request.model, null);
  assert.deepEqual(request.models, ["made/up"]);
  assert.equal((await told({ model: "a/plain:nitro" })).request.model, "a/plain:nitro");
});

Deno.test("a call is told with the member that bounds what it may cost, where one does", async () => {
  const boundOf = async (path: string, body: object = { model: "a/plain" }) =>
    (await told(body, { path })).request.outputBound;
  assert.equal(await boundOf("/chat/completions"), "max_tokens");
  assert.equal(await boundOf("/responses"), "max_output_tokens");
  for (const path of ["/embeddings", "/images", "/audio/speech", "/videos", "/made/up"]) {
    assert.equal(await boundOf(path), null);
  }
  // Of an unknown price the same is reserved, however long its output is.
  assert.equal(await boundOf("/chat/completions", {}), null);
  assert.equal(await boundOf("/chat/completions", { model: "x/y", max_tokens: 1 }), null);
  assert.equal(
    await boundOf("/chat/completions", { models: ["x/y", "a/plain"] }),
    "max_tokens",
  );
  const { request } = await told(null, { method: "GET", path: "/models" });
  assert.equal(request.outputBound, null);
});

Deno.test("a call is told with whether media make it as long as a model's context", async () => {
  const isLong = async (url: string) =>
    (await told({ messages: [{ content: [{ type: "image_url", image_url: { url } }] }] })).request
      .hasLongMedia;
  assert.equal(await isLong("data:image/png;base64,iVBO"), false);
  assert.equal(await isLong("https://a.example/cat.png"), true);
});

Deno.test("a path that is not in the table is booked by what opened it", async () => {
  assert.equal((await told({ model: "a/plain" }, { path: "/made/up" })).request.endpoint, "other");
  assert.equal((await told({ model: "a/plain" })).request.endpoint, "/chat/completions");
});

Deno.test("a call is metered whatever its body names, and only a call", async () => {
  for (const body of [{}, { model: "" }, { model: "a/plain" }]) {
    assert.equal((await told(body)).request.metered, true);
  }
  assert.equal((await told(null, { path: "/made/up" })).request.metered, true);
  assert.equal((await told({}, { path: "/messages/count_tokens" })).request.metered, false);
});

Deno.test("a call is told with its key, what it belongs to, and what must be the caller's own", async () => {
  const { request } = await told({ model: "a/plain", previous_job_id: "job-1" }, {
    headers: { "idempotency-key": "k", "x-session-id": "s", "x-label": "l" },
  });
  assert.deepEqual(
    [request.idempotency?.key, request.session, request.label, request.ownedGenerations],
    ["k", "s", "l", ["job-1"]],
  );
});

Deno.test("what is free is held against what all DIDs share, too", async () => {
  const { request } = await told({ model: "a/plain", container: "c" }, {
    path: "/messages/count_tokens",
  });
  assert.deepEqual(request.sharedFeatures, [{ feature: "container", param: "container" }]);
});

Deno.test("a signed message counts once, unless it only reads", async () => {
  for (const [method, replay] of [["POST", REPLAY], ["GET", null], ["HEAD", null]] as const) {
    const path = method === "POST" ? "/chat/completions" : "/models";
    const { request } = await told(method === "POST" ? {} : null, { method, path });
    assert.equal(request.replay, replay, method);
  }
});
