/** What the operator says in the environment reaches what it is for. */
import assert from "node:assert/strict";
import type { Admission } from "./store/admission_decision.ts";
import type { ProvisioningClaim } from "./store/key_provisioning.ts";
import { newSigner } from "./testing/signers.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { CHAT, ENVIRONMENT, errorOf, gatewayWith, requestFrom } from "./testing/gateways.ts";
import { walletSession } from "./testing/wallet_sessions.ts";

const BASE = "http://edge/openrouter-proxy";

test("each secret key of the project is the operator's, and tells of both encryption keys", async () => {
  const gateway = await gatewayWith({
    env: {
      SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x","other":"sb_secret_y"}',
      SUPABASE_SERVICE_ROLE_KEY: "legacy",
      API_KEY_ENCRYPTION_KEY: "gR0UG2/h9BtmAIUG5LL9JsufL964ZZ885TFdSdmGSG4=",
      API_KEY_ENCRYPTION_KEY_PREVIOUS: ENVIRONMENT.API_KEY_ENCRYPTION_KEY!,
    },
  });
  const asked = (apikey: string) =>
    gateway.fetch(new Request(`${BASE}/api/v1/encryption-keys`, { headers: { apikey } }));
  for (const apikey of ["sb_secret_x", "sb_secret_y", "legacy"]) {
    const { data } = await (await asked(apikey)).json();
    assert.match(data.current, /^[0-9a-f]{16}$/);
    assert.match(data.previous, /^[0-9a-f]{16}$/);
    assert.notEqual(data.current, data.previous);
  }
  assert.equal((await errorOf(await asked("sb_secret_z"))).type, "missing_credentials");
});

test("a new DID's key is made in the workspace, under the guardrail, with its limit in credits", async () => {
  const claim: ProvisioningClaim = {
    state: "claimed",
    limit: { creditLimit: "3", creditLimitReset: "daily" },
    orphansSince: null,
    isAlerted: true,
  };
  const decisions: Admission["decision"][] = ["needs_provisioning", "token_revoked"];
  let alertsAsked = 0;
  const gateway = await gatewayWith({
    env: {
      OPENROUTER_WORKSPACE_ID: "ws",
      OPENROUTER_GUARDRAIL_ID: "g",
      OPENROUTER_USD_PER_CREDIT: "0.5",
      ALERT_WEBHOOK_URL: "http://hooks.test/",
    },
    openrouter: ({ url }) =>
      Response.json(
        url.endsWith("/keys") && !url.includes("guardrails")
          ? { key: "sk-or-v1-new", data: { hash: "new" } }
          : { assigned_count: 1 },
      ),
    store: {
      admit: () => Promise.resolve({ decision: decisions.shift() } as Admission),
      claimProvisioning: () => Promise.resolve(claim),
      completeProvisioning: () => Promise.resolve(true),
      claimBudgetAlerts: () => {
        alertsAsked++;
        return Promise.resolve({ alerts: [], left: 0 });
      },
    },
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal((await errorOf(response)).type, "invalid_token");
  await gateway.idle();
  const [made, guarded] = gateway.seen.forwarded;
  assert.equal(made!.url, "http://openrouter.test/api/v1/keys");
  const { name, ...asked } = await made!.json();
  assert.ok(name.startsWith(`llm-gateway:${gateway.signer.did}#`));
  assert.deepEqual(asked, { limit: 6, limit_reset: "daily", workspace_id: "ws" });
  assert.equal(guarded!.url, "http://openrouter.test/api/v1/guardrails/g/assignments/keys");
  assert.equal(alertsAsked, 1, "what the claim brought about is told");
});

test("a call is settled with what a credit is worth", async () => {
  const gateway = await gatewayWith({ env: { OPENROUTER_USD_PER_CREDIT: "0.8" } });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  await response.text();
  await gateway.idle();
  assert.equal(gateway.seen.settlements[0]!.usdPerCredit, "0.8");
});

test("a body is as large as the operator lets it be, and what is not received closes the connection", async () => {
  const gateway = await gatewayWith({ env: { MAX_REQUEST_BYTES: "20" } });
  const { headers } = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"123456"}  ' }),
  );
  assert.equal(headers.get("connection"), null);
  const larger = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"123456"}   ' }),
  );
  assert.equal(larger.headers.get("connection"), "close");
  assert.equal((await errorOf(larger)).type, "request_too_large");
});

test("a wallet session lasts as long as the operator lets it, which is not for how long a token may", async () => {
  const signer = await newSigner("did:pkh");
  const authorization = `Bearer ${await walletSession(signer)}`;
  const statusWith = async (env: Record<string, string>) => {
    const gateway = await gatewayWith({ signer, env });
    const request = new Request(BASE + CHAT, {
      method: "POST",
      headers: { authorization },
      body: '{"model":"m"}',
    });
    return (await gateway.fetch(request)).status;
  };
  assert.equal(await statusWith({}), 200);
  assert.equal(await statusWith({ MAX_WALLET_SESSION_SECONDS: "86399" }), 401);
});

test("deep health asks OpenRouter of the management key, and says where the function runs", async () => {
  const gateway = await gatewayWith({
    env: { SB_REGION: "eu-central-1" },
    openrouter: () => new Response("{}", { status: 401 }),
  });
  const response = await gateway.fetch(new Request(`${BASE}/api/v1/health?deep=1`));
  const { status, region, management_key } = (await response.json()).data;
  assert.deepEqual([status, region, management_key], ["degraded", "eu-central-1", "refused"]);
  assert.equal(gateway.seen.forwarded[0]!.headers.get("authorization"), "Bearer management");
});

test("no cache keeps an answer that does not say for how long", async () => {
  const gateway = await gatewayWith();
  for (const path of ["/", "/nowhere"]) {
    const { headers } = await gateway.fetch(new Request(BASE + path));
    assert.equal(headers.get("cache-control"), "no-store", path);
  }
});

test("pages of the origins that the operator names may call, and no others", async () => {
  const gateway = await gatewayWith({ env: { ALLOWED_ORIGINS: "https://app.example" } });
  for (
    const [origin, allowed] of [["https://app.example", "https://app.example"], [
      "https://x.example",
      null,
    ]]
  ) {
    const headers = { origin: origin! };
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await gateway.fetch(new Request(`${BASE}/`, { method, headers }));
      assert.equal(answer.headers.get("access-control-allow-origin"), allowed, method);
    }
  }
});

test("a Host that is none is refused before anything is looked at", async () => {
  const gateway = await gatewayWith();
  const request = new Request(`${BASE}/`, { headers: { host: "edge/?x" } });
  const { type, message } = await errorOf(await gateway.fetch(request));
  assert.deepEqual([type, message], ["invalid_request", "the Host header is not a host"]);
});

test("documents of did:web are fetched from the hosts that the operator names", async () => {
  const { multikey, ...signer } = await newSigner("did:key Ed25519");
  const did = "did:web:example.com";
  const document = {
    id: did,
    authentication: [{ id: "#0", controller: did, publicKeyMultibase: multikey }],
  };
  const gateway = await gatewayWith({
    env: { DID_WEB_HOSTS: "example.com" },
    signer: { ...signer, multikey, did },
    openrouter: ({ url }) =>
      url === "https://example.com/.well-known/did.json"
        ? Response.json(document)
        : new Response("{}"),
  });
  const response = await gateway.fetch(
    await requestFrom(gateway.signer, { body: '{"model":"m"}' }),
  );
  assert.equal(response.status, 200);
  await response.text();
});

test("paths that the operator opens take each method, and the API's description has the audience", async () => {
  const gateway = await gatewayWith({ env: { OPENROUTER_EXTRA_PATHS: "/new" } });
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
  for (const method of methods) {
    const path = "/api/v1/openrouter/new";
    const response = await gateway.fetch(
      await requestFrom(gateway.signer, { method, path, body: "" }),
    );
    assert.equal(response.status, 200, method);
    await response.body?.cancel();
  }
  assert.deepEqual(gateway.seen.forwarded.map(({ method }) => method), methods);
  const described = await gateway.fetch(new Request(`${BASE}/api/v1/openapi.json`));
  assert.equal((await described.json()).servers[0].url, ENVIRONMENT.GATEWAY_AUDIENCE);
});

test("a client that goes while it sends its body is answered with nothing, and no error of the gateway's", async () => {
  const gateway = await gatewayWith();
  const body = new ReadableStream({
    pull: (controller) => controller.error(new TypeError("request body closed")),
  });
  const { method, headers, url } = await requestFrom(gateway.signer, {});
  const response = await gateway.fetch(new Request(url, { method, headers, body }));
  assert.deepEqual([response.status, response.body], [499, null]);
  assert.deepEqual(gateway.seen.logs.map(({ level, status }) => [level, status]), [["info", 499]]);
});
