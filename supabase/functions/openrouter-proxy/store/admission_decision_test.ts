import assert from "node:assert/strict";
import { type Admission, admissionOf } from "./admission_decision.ts";

const AT = "2026-11-22T10:00:00+00:00";
const RATE = { limit: 60, remaining: 7, reset_ms: 53_000, retry_after_ms: 1_000 };
const STATE = { limit: 60, remaining: 7, resetMs: 53_000, retryAfterMs: 1_000 };
const BUDGET = {
  limit_usd: "2",
  spent_usd: "1.5",
  reserved_usd: "0.25",
  estimate_usd: "0.5",
  resets_at: AT,
};

const CASES: [told: Record<string, unknown>, decided: Admission][] = [
  [
    {
      decision: "admitted",
      encrypted_api_key: "sealed",
      openrouter_key_hash: "hash",
      new_limit: { credit_limit: "2.5", credit_limit_reset: "daily", may_wait: true },
      request_time: AT,
      rate: RATE,
      remaining_usd: "0.75",
    },
    {
      decision: "admitted",
      key: {
        encryptedApiKey: "sealed",
        hash: "hash",
        newLimit: { creditLimit: "2.5", creditLimitReset: "daily", mayWait: true },
      },
      requestTime: AT,
      rate: STATE,
      remainingUsd: "0.75",
    },
  ],
  [
    {
      decision: "admitted",
      encrypted_api_key: "sealed",
      openrouter_key_hash: "hash",
      new_limit: { credit_limit: null, credit_limit_reset: null },
      request_time: AT,
    },
    {
      decision: "admitted",
      key: {
        encryptedApiKey: "sealed",
        hash: "hash",
        newLimit: { creditLimit: null, creditLimitReset: null, mayWait: false },
      },
      requestTime: AT,
      rate: null,
      remainingUsd: null,
    },
  ],
  [
    {
      decision: "admitted",
      encrypted_api_key: "sealed",
      openrouter_key_hash: "hash",
      new_limit: null,
      request_time: AT,
    },
    {
      decision: "admitted",
      key: { encryptedApiKey: "sealed", hash: "hash", newLimit: null },
      requestTime: AT,
      rate: null,
      remainingUsd: null,
    },
  ],
  [
    { decision: "admitted", encrypted_api_key: null, openrouter_key_hash: null, request_time: AT },
    { decision: "admitted", key: null, requestTime: AT, rate: null, remainingUsd: null },
  ],
  [
    { decision: "access_denied", why: "blocked" },
    { decision: "access_denied", why: "blocked" },
  ],
  [
    { decision: "model_not_allowed", model: "a/b", why: "a router" },
    { decision: "model_not_allowed", model: "a/b", why: "a router" },
  ],
  [
    { decision: "model_not_allowed" },
    { decision: "model_not_allowed", model: null, why: null },
  ],
  [
    { decision: "feature_not_allowed", feature: "presets" },
    { decision: "feature_not_allowed", feature: "presets" },
  ],
  [
    { decision: "duplicate", request_id: "r" },
    { decision: "duplicate", duplicateOf: "r" },
  ],
  [
    { decision: "rate_limited", scope: "gateway", what: "requests", ...RATE },
    { decision: "rate_limited", scope: "gateway", what: "requests", ...STATE },
  ],
  [
    { decision: "rate_limited", scope: "free_models", what: "free_requests", ...RATE },
    { decision: "rate_limited", scope: "free_models", what: "free_requests", ...STATE },
  ],
  [
    {
      decision: "rate_limited",
      scope: "free_models",
      what: "free_requests",
      shared: true,
      ...RATE,
    },
    { decision: "rate_limited", scope: "free_models", what: "all_free_requests", ...STATE },
  ],
  [
    { decision: "budget_exceeded", scope: "gateway", period: "month", ...BUDGET, alerted: true },
    {
      decision: "budget_exceeded",
      scope: "gateway",
      period: "month",
      limitUsd: "2",
      spentUsd: "1.5",
      reservedUsd: "0.25",
      estimateUsd: "0.5",
      resetsAt: AT,
      alerted: true,
    },
  ],
  ...(["token_revoked", "not_owned", "replayed", "needs_provisioning"] as const).map((decision): [
    Record<string, unknown>,
    Admission,
  ] => [{ decision, why: "not looked at" }, { decision }]),
];

for (const [told, decided] of CASES) {
  Deno.test(`${JSON.stringify(told).slice(1, 70)}… is a decision of admit_request`, () => {
    assert.deepEqual(admissionOf(told), decided);
  });
}

for (const told of [null, undefined, {}, { decision: "new" }, { decision: null }]) {
  Deno.test(`${JSON.stringify(told)} is no decision`, () => {
    assert.throws(() => admissionOf(told), {
      type: "store_unavailable",
      cause: "admit_request: its answer is none that this gateway knows",
      mayHaveArrived: true,
    });
  });
}
