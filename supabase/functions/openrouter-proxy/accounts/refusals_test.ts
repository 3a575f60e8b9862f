import assert from "node:assert/strict";
import type { Admission } from "../store/admission_decision.ts";
import { anAdmissionRequest } from "../testing/admissions.ts";
import { noNewAccounts, refusalOf } from "./refusals.ts";

type Refused = Exclude<Admission, { decision: "admitted" }>;

const RATE = { limit: 5, remaining: 0, resetMs: 59_001, retryAfterMs: 11_001 };
const BUDGET = {
  decision: "budget_exceeded",
  limitUsd: "2.5",
  spentUsd: "2.00000000000000000001",
  reservedUsd: "0.4",
  estimateUsd: "0.2",
  resetsAt: "2026-11-23T00:00:00Z",
  alerted: false,
} as const;
const REQUEST = anAdmissionRequest({
  sharedFeatures: [
    { feature: "preset", param: "preset" },
    { feature: "x", param: "models[1]" },
    ...["file", "container", "vector_store"].map((feature) => ({ feature, param: "input[0]" })),
  ],
  serverTools: [
    { name: "fusion", param: "plugins[0]" },
    { name: "web_search", param: "tools[0]" },
    { name: "web_search", param: "tools[1]" },
  ],
});

const REFUSALS: [
  admission: Refused,
  type: string,
  message: string,
  details?: Record<string, unknown>,
][] = [
  [
    { decision: "access_denied", why: "blocked" },
    "access_denied",
    "this DID has been disabled by the operator",
  ],
  [
    { decision: "access_denied", why: "not_allowed" },
    "access_denied",
    "this gateway serves only the DIDs that its operator has allowed, and this is not one of them",
  ],
  [
    { decision: "token_revoked" },
    "invalid_token",
    "this token has been revoked: make a new one, a minute after the revocation at the earliest",
  ],
  [
    { decision: "not_owned" },
    "not_found",
    "your log holds no generation or job with this id (exactly one is needed)",
  ],
  [
    { decision: "replayed" },
    "replayed_request",
    "this signed message was accepted before: sign each request anew, with a fresh nonce",
  ],
  [
    { decision: "needs_provisioning" },
    "provisioning_in_progress",
    "this DID's account was removed while the request was served; try again",
  ],
  [
    { decision: "duplicate", duplicateOf: "r" },
    "duplicate_request",
    "a request with this Idempotency-Key, path and body was accepted before",
    {
      duplicate_of: "r",
    },
  ],
  [
    { decision: "model_not_allowed", model: "a/b", why: null },
    "model_not_allowed",
    "a/b is none of the models that this DID may use; GET /api/v1/limits lists them",
    { param: "model", model: "a/b" },
  ],
  [
    { decision: "model_not_allowed", model: null, why: "a router chooses" },
    "model_not_allowed",
    "a router chooses, so that what runs is not known, and this DID may use certain models only (GET /api/v1/limits lists them): name one of them",
  ],
  [
    { decision: "feature_not_allowed", feature: "preset" },
    "feature_not_allowed",
    "preset reaches what the DIDs of this gateway share, and its operator has not opened it: send the request without it, and name a model",
    { param: "preset" },
  ],
  [
    { decision: "feature_not_allowed", feature: "x" },
    "feature_not_allowed",
    "x reaches what the DIDs of this gateway share, and its operator has not opened it: send the request without it",
    { param: "models[1]" },
  ],
  [
    { decision: "feature_not_allowed", feature: "web_search" },
    "feature_not_allowed",
    "web_search is run, and billed, by OpenRouter or a provider, and this gateway's operator has not opened it: send the request without it",
    { param: "tools[0]" },
  ],
  ...(["file", "container", "vector_store"] as const).map((feature): [
    Refused,
    string,
    string,
    Record<string, unknown>,
  ] => [
    { decision: "feature_not_allowed", feature },
    "feature_not_allowed",
    `${feature} reaches what the DIDs of this gateway share, and its operator has not opened it: send ` +
    `the request without it${
      {
        file: ", or put the file into it: as data, or by a URL",
        container:
          ', or let one be made anew: {"type":"auto"} (leave out code_interpreter_call items)',
        vector_store: ", or put the texts into it",
      }[feature]
    }`,
    { param: "input[0]" },
  ]),
  // What Postgres of another version calls so; which member asks for it is not known.
  [
    { decision: "feature_not_allowed", feature: "unknown" },
    "feature_not_allowed",
    "unknown is run, and billed, by OpenRouter or a provider, and this gateway's operator has not opened it: send the request without it",
    { param: undefined },
  ],
  [
    { ...BUDGET, scope: "did", period: "day" },
    "budget_exceeded",
    "the request may cost $0.2, and this DID's daily budget of $2.5 has $2.00000000000000000001 spent and $0.4 reserved: bound its output (max_tokens), or try again once calls under way have ended, or wait until 2026-11-23T00:00:00Z",
  ],
  [
    { ...BUDGET, scope: "gateway", period: "month" },
    "budget_exceeded",
    "the request may cost $0.2, and this gateway's monthly budget of $2.5 has $2.00000000000000000001 spent and $0.4 reserved: bound its output (max_tokens), or try again once calls under way have ended, or wait until 2026-11-23T00:00:00Z",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "did", what: "requests" },
    "rate_limited",
    "this DID has used up its requests a minute (5): try again in 12 s",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "did", what: "refusals", retryAfterMs: 1_000 },
    "rate_limited",
    "this DID has sent too many requests that OpenRouter refused as mistakes (5): try again in 1 s",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "did", what: "free_requests" },
    "rate_limited",
    "this DID has used up its share of requests to free models (5): try again in 12 s",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "free_models", what: "all_free_requests" },
    "rate_limited",
    "this gateway has used up the requests to free models of all its DIDs together (5): try again in 12 s",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "free_models", what: "free_requests", limit: 0 },
    "rate_limited",
    "this DID may send no requests to free models: ask the gateway's operator",
  ],
  [
    {
      ...RATE,
      decision: "rate_limited",
      scope: "free_models",
      what: "all_free_requests",
      limit: 0,
    },
    "rate_limited",
    "this gateway may send no requests to free models: ask the gateway's operator",
  ],
  [
    { ...RATE, decision: "rate_limited", scope: "gateway", what: "concurrent", retryAfterMs: 0 },
    "rate_limited",
    "this gateway has as many requests under way as it may have at a time (5): try again in 1 s",
  ],
];

for (const [admission, type, message, details] of REFUSALS) {
  const { decision, ...why } = admission;
  Deno.test(`a refusal as ${decision} ${JSON.stringify(why).slice(0, 50)} is told as ${type}`, () => {
    const refusal = refusalOf(admission, REQUEST);
    assert.equal(refusal.type, type);
    assert.equal(refusal.message, message);
    if (decision !== "budget_exceeded" && decision !== "rate_limited") {
      assert.deepEqual(refusal.details, details ?? {});
    }
  });
}

/** What RATE is told as. */
const RATE_HEADERS = {
  "ratelimit-limit": "5",
  "ratelimit-remaining": "0",
  "ratelimit-reset": "60",
  "retry-after": "12",
};

Deno.test("a refusal by a rate has its figures and whose rate it is", () => {
  for (const scope of ["did", "gateway", "free_models"] as const) {
    const refused = { ...RATE, decision: "rate_limited", scope, what: "requests" } as const;
    const { headers, details } = refusalOf(refused, REQUEST);
    assert.deepEqual([headers, details], [RATE_HEADERS, { scope }]);
  }
});

Deno.test("a refusal by a budget has its figures, to the last digit", () => {
  const { details } = refusalOf({ ...BUDGET, scope: "did", period: "day" }, REQUEST);
  assert.equal(
    JSON.stringify(details),
    '{"scope":"did","period":"day","limit_usd":2.5,"spent_usd":2.00000000000000000001,' +
      '"reserved_usd":0.4,"estimate_usd":0.2,"resets_at":"2026-11-23T00:00:00Z"}',
  );
});

Deno.test("a refusal by a budget names the ways that its call has", () => {
  const waysOf = (reservedUsd: string, outputBound: string | null, hasLongMedia = false) => {
    const refusal = { ...BUDGET, scope: "did", period: "day", reservedUsd } as const;
    return refusalOf(refusal, { ...REQUEST, outputBound, hasLongMedia }).message.split(
      " reserved: ",
    )[1];
  };
  const wait = "wait until 2026-11-23T00:00:00Z";
  const again = "try again once calls under way have ended";
  assert.equal(
    waysOf("0.4", "max_output_tokens"),
    `bound its output (max_output_tokens), or ${again}, or ${wait}`,
  );
  assert.equal(waysOf("0", "max_tokens"), `bound its output (max_tokens), or ${wait}`);
  assert.equal(waysOf("0.4", null), `${again}, or ${wait}`);
  const images =
    "send its images within it, as data (other media count as a model's whole context)";
  assert.equal(
    waysOf("0", "max_tokens", true),
    `bound its output (max_tokens), or ${images}, or ${wait}`,
  );
});

Deno.test("a call that exceeds the whole of a budget is not told to wait", () => {
  const waysOf = (limitUsd: string, estimateUsd: string, outputBound: string | null) => {
    const refusal = { ...BUDGET, scope: "did", period: "day", limitUsd, estimateUsd } as const;
    return refusalOf(refusal, { ...REQUEST, outputBound }).message.split(" reserved: ")[1];
  };
  const ask = "ask the gateway's operator for a larger budget";
  assert.equal(waysOf("2", "5", null), ask);
  assert.equal(waysOf("2", "2.01", "max_tokens"), `bound its output (max_tokens), or ${ask}`);
  assert.equal(waysOf("0", "0.1", null), ask);
  assert.equal(
    waysOf("2", "2", null),
    "try again once calls under way have ended, or wait until 2026-11-23T00:00:00Z",
  );
});

Deno.test("a DID for which there is no room is told when there will be", () => {
  const today = noNewAccounts({ state: "no_room", why: "day", retryAfterMs: 1_001 });
  assert.deepEqual([today.type, today.headers], ["access_denied", { "retry-after": "2" }]);
  const later = noNewAccounts({ state: "no_room", why: "day", retryAfterMs: 86_399_001 });
  assert.deepEqual(later.headers, { "retry-after": "86400" });
  const soon = noNewAccounts({ ...RATE, state: "no_room", why: "minute", retryAfterMs: 12_000 });
  assert.equal(soon.type, "rate_limited");
  assert.deepEqual(soon.details, { scope: "gateway" });
  assert.deepEqual(soon.headers, RATE_HEADERS);
  const never = noNewAccounts({ state: "no_room", why: "none", retryAfterMs: 86_399_001 });
  assert.deepEqual([never.type, never.headers], ["access_denied", {}]);
  assert.equal(never.message, "this gateway takes no new accounts: ask its operator");
  const now = noNewAccounts({ state: "no_room", why: "day", retryAfterMs: 0 });
  assert.deepEqual(now.headers, { "retry-after": "1" });
  assert.equal(
    soon.message,
    "this gateway makes 5 new accounts a minute at most: try again shortly",
  );
  assert.equal(
    now.message,
    "this gateway takes no more new accounts today: try again tomorrow (UTC), or ask its operator",
  );
});
