import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import type { AccountLimits } from "../store/account.ts";
import { identifiedAs, identifyAs } from "../testing/identified.ts";
import { createLimits } from "./limits_route.ts";

const DID = "did:key:z6Mk";
const LIMITS: AccountLimits = {
  did: DID,
  access: "allowed",
  budgets: [{
    scope: "did",
    period: "day",
    limit_usd: "2",
    // A binary float would make 0.30000000000000004 of it.
    spent_usd: "0.30000000000000000001",
    reserved_usd: "0",
    remaining_usd: "1.69999999999999999999",
    resets_at: "2026-11-27T00:00:00+00:00",
    alerts: [{ threshold: 50, reached_at: "2026-11-26T10:00:00+00:00" }],
  }],
  rates: [{
    scope: "did",
    requests_per_minute: 60,
    remaining: 58,
    resets_at: "2026-11-26T10:00:02+00:00",
  }],
  concurrent_requests: 10,
  free_models_per_day: null,
  // A model may be called what an amount looks like.
  allowed_models: ["1"],
  upstream_limit_usd: "20.5",
};

/** What the route answers, and which DIDs' limits it asked for. */
async function limitsOf(
  { search = "", limits = LIMITS, tokenIssuedAt = null, isRevoked = false }: {
    search?: string;
    limits?: AccountLimits;
    tokenIssuedAt?: Date | null;
    isRevoked?: boolean;
  } = {},
) {
  const asked: unknown[] = [];
  const seen = { disposals: 0 };
  const identity = { did: DID, replay: null, tokenIssuedAt };
  const identify = identifyAs(
    identifiedAs(identity, {
      countRead: () => void asked.push("may it read"),
      [Symbol.dispose]: () => seen.disposals++,
    }),
  );
  const app = new Hono<RequestEnv>();
  app.get(
    "/limits",
    createLimits(identify, {
      accountLimits(did) {
        asked.push(did);
        return Promise.resolve(limits);
      },
      tokenIsRevoked(did, issuedAt) {
        asked.push([did, issuedAt]);
        return Promise.resolve(isRevoked);
      },
    }, () => Promise.resolve()),
  );
  app.onError((error) => errorResponse(error, "request-1"));
  const response = await app.request(`http://edge/limits${search}`);
  return { response, text: await response.text(), asked, ...seen };
}

Deno.test("the limits of the caller have the shape of docs/protocol.md, and amounts all their digits", async () => {
  const { response, text, asked, disposals } = await limitsOf();
  assert.equal(disposals, 1, "the memory of the request's body");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(
    text,
    '{"success":true,"data":{"did":"did:key:z6Mk","access":"allowed","budgets":[{"scope":"did",' +
      '"period":"day","limit_usd":2,"spent_usd":0.30000000000000000001,"reserved_usd":0,' +
      '"remaining_usd":1.69999999999999999999,"resets_at":"2026-11-27T00:00:00+00:00",' +
      '"alerts":[{"threshold":50,"reached_at":"2026-11-26T10:00:00+00:00"}]}],' +
      '"rates":[{"scope":"did","requests_per_minute":60,"remaining":58,' +
      '"resets_at":"2026-11-26T10:00:02+00:00"}],"concurrent_requests":10,' +
      '"free_models_per_day":null,"allowed_models":["1"],"upstream_limit_usd":20.5}}',
  );
  assert.deepEqual(asked, ["may it read", DID]);
});

Deno.test("limits that are not set are null, amounts among them", async () => {
  const none = { limit_usd: null, spent_usd: null, reserved_usd: null, remaining_usd: null };
  const budgets = [{ ...LIMITS.budgets[0]!, ...none }];
  const { text } = await limitsOf({ limits: { ...LIMITS, budgets, upstream_limit_usd: null } });
  const { data } = JSON.parse(text);
  assert.deepEqual(data.budgets, [{ ...LIMITS.budgets[0]!, ...none }]);
  assert.equal(data.upstream_limit_usd, null);
});

Deno.test("a token that the operator has revoked reads no limits", async () => {
  const tokenIssuedAt = new Date(0);
  const { response, text, asked } = await limitsOf({ tokenIssuedAt, isRevoked: true });
  assert.equal(response.status, 401);
  assert.equal(JSON.parse(text).error.type, "invalid_token");
  assert.deepEqual(asked.slice(0, 2), ["may it read", [DID, tokenIssuedAt]]);
  assert.equal((await limitsOf({ tokenIssuedAt })).response.status, 200);
});

Deno.test("a parameter that the route does not have is refused, and Postgres is not asked", async () => {
  const { response, text, asked, disposals } = await limitsOf({ search: "?did=did:key:z6MkOther" });
  assert.deepEqual([response.status, disposals], [400, 1]);
  const { type, param } = JSON.parse(text).error;
  assert.deepEqual([type, param], ["invalid_request", "did"]);
  assert.deepEqual(asked, []);
});
