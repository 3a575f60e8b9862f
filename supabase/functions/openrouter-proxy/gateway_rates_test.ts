import assert from "node:assert/strict";
import { newSigner, signedToken, type Signer, type SignerKind } from "./testing/signers.ts";
import type { AccountLimits } from "./store/account.ts";
import type { Admission } from "./store/admission_decision.ts";
import type { UsageStats } from "./store/usage.ts";
import { testWithTimers as test } from "./testing/with_timers.ts";
import { walletSession } from "./testing/wallet_sessions.ts";
import { CHAT, errorOf, gatewayWith, requestFrom } from "./testing/gateways.ts";

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

const inAuthorization = (token: string) => ({ authorization: `Bearer ${token}` });
for (
  const [what, kind, tokenOf, carriedBy] of [
    ["DID token", "did:key Ed25519", signedToken, inAuthorization],
    ["DID token in x-api-key", "did:key P-256", signedToken, (key) => ({ "x-api-key": key })],
    ["wallet session", "did:pkh", walletSession, inAuthorization],
  ] as [string, SignerKind, (of: Signer) => Promise<string>, (token: string) => HeadersInit][]
) {
  test(`whoever goes on with a revoked ${what} takes nothing that is its DID's, nor Postgres's time`, async () => {
    let asked = 0;
    const gateway = await gatewayWith({
      signer: await newSigner(kind),
      env: { READS_PER_MINUTE: "3" },
      store: {
        admit: () => {
          asked++;
          return Promise.resolve({ decision: "token_revoked" } as Admission);
        },
        tokenIsRevoked: () => {
          asked++;
          return Promise.resolve(true);
        },
        usageStats: () => Promise.resolve({ total_cost: "0", groups: [] } as unknown as UsageStats),
      },
    });
    const headers = carriedBy(await tokenOf(gateway.signer));
    const withToken = async (method: string, path: string, body: string | null = null) => {
      const request = { method, headers, body };
      const response = await gateway.fetch(
        new Request(`http://edge/openrouter-proxy${path}`, request),
      );
      return (await errorOf(response)).type;
    };
    // Refused before anybody is asked, so that nobody knows of the revocation.
    for (let n = 0; n < 130; n++) {
      assert.equal(await withToken("GET", "/api/v1/openrouter/files"), "path_forbidden");
      assert.equal(await withToken("POST", "/api/v1/openrouter/keys"), "path_forbidden");
      assert.equal(await withToken("GET", "/api/v1/usage?nothing=1"), "invalid_request");
      assert.equal(await withToken("POST", CHAT, "{"), "invalid_request");
    }
    assert.equal(asked, 0);
    for (let n = 0; n < 130; n++) {
      assert.equal(await withToken("GET", "/api/v1/usage"), "invalid_token");
      assert.equal(await withToken("POST", CHAT, '{"model":"m"}'), "invalid_token");
      assert.equal(await withToken("GET", "/api/v1/openrouter/files"), "invalid_token");
    }
    assert.equal(asked, 1);
    // The one request that Postgres was asked of has counted.
    const parts = { method: "GET", path: "/api/v1/usage", body: "" };
    const signed = await gateway.fetch(await requestFrom(gateway.signer, parts));
    assert.deepEqual([signed.status, signed.headers.get("ratelimit-remaining")], [200, "1"]);
  });
}

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
