/** GET /api/v1/openapi.json, held against what the gateway answers. */
import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import {
  createDidToken,
  signHttpMessage,
  signRequest,
} from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { setGatewayLimits, setLimits } from "./harness/limits.ts";
import { type Contract, readContract } from "./harness/openapi.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ withLimits: true });

let contract: Contract;
Deno.test.beforeAll(async () => {
  contract = await readContract(world.gateway.url);
});

/** Asserts that the answer to a signed request is described, and has this status. */
async function answers(
  status: number,
  identity: Identity,
  method: string,
  path: string,
  { query = "", body, headers, template = path }: {
    query?: string;
    body?: string;
    headers?: Record<string, string>;
    template?: string;
  } = {},
) {
  const options = headers === undefined ? {} : { headers };
  const response = await call(world.gateway, identity, method, path + query, body, options);
  assert.equal(response.status, status, await response.clone().text());
  return await contract.assertDescribed(method, template, response);
}

/** A DID whose log holds an answered call, one without a known cost, and a refused one. */
async function withHistory() {
  const identity = await newIdentity();
  for (const simulate of ["", "drop", "status:400"]) {
    const response = await call(
      world.gateway,
      identity,
      "POST",
      CHAT,
      chat("hello", {
        max_tokens: 50,
      }),
      { headers: { "x-openrouter-simulate": simulate } },
    );
    await response.body?.cancel();
  }
  await world.db.endedRows(identity.did, 3);
  return identity;
}

Deno.test("the document passes a published validator, and tells everybody the same", async () => {
  const { document } = contract;
  assert.deepEqual(await new Validator().validate(structuredClone(document)), { valid: true });
  assert.equal(document.openapi, "3.1.0");
  assert.deepEqual(document.servers, [{ url: AUDIENCE }]);
  const text = JSON.stringify(document);
  for (const secret of [world.encryptionKey, world.openrouter.managementKey]) {
    assert.ok(!text.includes(secret));
  }
});

Deno.test("the gateway has every route that the document names, with its methods alone", async () => {
  const { document } = contract;
  for (const [path, item] of Object.entries<Record<string, unknown>>(document.paths)) {
    const url = world.gateway.url + path.replace(/\{\w+\}/g, "x");
    const response = await fetch(url, { method: "PROPFIND" });
    assert.equal(response.status, 405, path);
    const allowed = (response.headers.get("allow") ?? "").split(", ");
    for (const method of Object.keys(item)) assert.ok(allowed.includes(method.toUpperCase()), path);
    const [method = ""] = Object.keys(item);
    await contract.assertDescribed(method, path, response);
  }
});

Deno.test("health, deep or not, is described", async () => {
  for (const path of ["/", "/api/v1/health"]) {
    for (const query of ["", "?deep=1"]) {
      const response = await fetch(world.gateway.url + path + query);
      assert.equal(response.status, 200);
      await contract.assertDescribed("GET", path, response);
    }
  }
});

Deno.test("usage is described, in every grouping, and so are its refusals", async () => {
  const identity = await withHistory();
  for (
    const groups of ["", "day", "hour", "model", "endpoint", "day,model,endpoint", "hour,model"]
  ) {
    const { data } = await answers(200, identity, "GET", "/api/v1/usage", {
      query: `?group_by=${groups}`,
    });
    assert.equal(data.groups.length > 0, groups !== "");
  }
  for (const query of ["?start_date=today", "?days=7", "?group_by=did"]) {
    await answers(400, identity, "GET", "/api/v1/usage", { query });
  }
});

Deno.test("usage of more models than are told by name is described", async () => {
  const identity = await withHistory();
  await world.db.sql`
    insert into usage_daily (did, day, model, endpoint, requests)
    select ${identity.did}, current_date, 'made-up/' || n, '/chat/completions', 1
    from generate_series(1, 101) as n`;
  const { data } = await answers(200, identity, "GET", "/api/v1/usage");
  assert.equal(data.truncated, true);
});

Deno.test("one's own requests are described, with and without a cost", async () => {
  const path = "/api/v1/usage/requests";
  const identity = await withHistory();
  const { data } = await answers(200, identity, "GET", path, { query: "?limit=2" });
  assert.equal(data.requests.length, 2);
  assert.notEqual(data.next_cursor, null);
  await answers(200, identity, "GET", path, { query: `?cursor=${data.next_cursor}` });
  await answers(400, identity, "GET", path, { query: "?cursor=x" });
  const template = `${path}/{id}`;
  for (const { id } of data.requests) {
    await answers(200, identity, "GET", `${path}/${id}`, { template });
  }
  await answers(404, identity, "GET", `${path}/${crypto.randomUUID()}`, { template });
});

Deno.test("limits are described, set or not, and with the gateway's own", async () => {
  const identity = await newIdentity();
  await answers(200, identity, "GET", "/api/v1/limits");
  const budgets = { daily_budget_usd: 1_000_000, monthly_budget_usd: 1_000_000 };
  const limits = { ...budgets, allowed_models: ["openai/*"] };
  await setLimits(world.db, identity.did, limits);
  await setGatewayLimits(world.db, { daily_budget_usd: 1_000 });
  const { data } = await answers(200, identity, "GET", "/api/v1/limits");
  assert.ok(data.budgets.some(({ scope }: { scope: string }) => scope === "gateway"));
});

Deno.test("a Supabase token is described, and so is that there is none", async () => {
  await answers(200, await newIdentity(), "POST", "/api/v1/token");
  const [gateway] = await startGateways(1, { ...world.env, GATEWAY_JWT_KEY: "" });
  try {
    const response = await call(gateway!, await newIdentity(), "POST", "/api/v1/token");
    assert.equal(response.status, 501);
    await contract.assertDescribed("POST", "/api/v1/token", response);
  } finally {
    await gateway!.stop();
  }
});

Deno.test("maintenance is described, and that it is the operator's", async () => {
  const { default: apikey } = JSON.parse(world.stack.secretKeys);
  const ask = (headers: Record<string, string>) =>
    fetch(`${world.gateway.url}/api/v1/maintenance?budget_seconds=1`, { method: "POST", headers });
  for (const [status, headers] of [[200, { apikey }], [401, {}]] as const) {
    const response = await ask(headers as Record<string, string>);
    assert.equal(response.status, status);
    await contract.assertDescribed("POST", "/api/v1/maintenance", response);
  }
});

Deno.test("the ids of the encryption keys are described, and that they are the operator's", async () => {
  const path = "/api/v1/encryption-keys";
  const { default: apikey } = JSON.parse(world.stack.secretKeys);
  for (const [status, headers] of [[200, { apikey }], [401, {}]] as const) {
    const response = await fetch(world.gateway.url + path, {
      headers: headers as Record<string, string>,
    });
    assert.equal(response.status, status);
    await contract.assertDescribed("GET", path, response);
  }
});

Deno.test("refusals of who calls are described", async () => {
  const path = "/api/v1/limits";
  const identity = await newIdentity();
  const expired = await createDidToken(identity, {
    audience: AUDIENCE,
    issuedAt: Math.floor(Date.now() / 1000) - 7200,
  });
  const elsewhere = { audience: "https://elsewhere.example", method: "GET", path };
  const refused: Record<string, string>[] = [
    { ...await signRequest(identity, elsewhere) },
    { ...await signHttpMessage(identity, elsewhere) },
    {},
    { authorization: `Bearer ${expired}` },
    { authorization: "Bearer x.y.z" },
    { "x-did": "did:example:1", "x-did-timestamp": "1", "x-did-signature": "x" },
    { "x-did": "did:key:z6Mk", "x-did-timestamp": "1795370400", "x-did-signature": "x" },
  ];
  for (const headers of refused) {
    const response = await fetch(world.gateway.url + path, { headers });
    assert.ok([400, 401].includes(response.status), await response.clone().text());
    await contract.assertDescribed("GET", path, response);
  }
});

Deno.test("calls, streams and what refuses them are described", async () => {
  const identity = await newIdentity();
  const body = chat("hello", { max_tokens: 50 });
  await answers(200, identity, "POST", CHAT, { body });
  const stream = await answers(200, identity, "POST", CHAT, {
    body: chat("hello", { max_tokens: 50, stream: true }),
  });
  assert.match(stream, /^data: /m);
  const theirs = { "status:429": 429, "availability": 503, "zod": 400 };
  for (const [simulate, status] of Object.entries(theirs)) {
    await answers(status, identity, "POST", CHAT, {
      body,
      headers: { "x-openrouter-simulate": simulate },
    });
  }
  await answers(400, identity, "POST", CHAT, { body: "{" });
  await answers(403, identity, "POST", CHAT, {
    body: chat("hello", { tools: [{ type: "openrouter:bash" }] }),
  });
  await answers(200, identity, "POST", CHAT, { body, headers: { "idempotency-key": "key-1" } });
  await answers(409, identity, "POST", CHAT, { body, headers: { "idempotency-key": "key-1" } });
  await answers(415, identity, "POST", CHAT, { body, headers: { "content-encoding": "gzip" } });
  await answers(200, identity, "GET", "/api/v1/openrouter/models");
  await answers(404, identity, "GET", "/api/v1/openrouter/generation", { query: "?id=gen-1" });
  await answers(403, identity, "GET", "/api/v1/openrouter/credits", {
    template: "/api/v1/openrouter/{path}",
  });
  await setLimits(world.db, identity.did, { daily_budget_usd: 0.000001 });
  await answers(402, identity, "POST", CHAT, { body });
  await setLimits(world.db, identity.did, { allowed_models: ["anthropic/*"] });
  await answers(403, identity, "POST", CHAT, { body });
  await world.db.sql`select block_did(${identity.did})`;
  await answers(403, identity, "POST", CHAT, { body });
});
