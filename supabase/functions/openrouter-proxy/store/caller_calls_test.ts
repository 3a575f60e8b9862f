import { accountCalls } from "./account.ts";
import { keyProvisioningCalls } from "./key_provisioning.ts";
import type { StoreCall } from "./rpc.ts";
import { settlementCalls } from "./settlement.ts";
import { testCalls } from "../testing/store_calls.ts";

/** What a caller's own requests ask of Postgres. */
function callerCalls(call: StoreCall) {
  return { ...accountCalls(call), ...keyProvisioningCalls(call), ...settlementCalls(call) };
}

const DID = "did:key:z6Mk";
const AT = "2026-11-22T10:00:00.000Z";
const CLAIM = { p_did: DID, p_attempt_id: "attempt" };
const RATE = { limit: 60, remaining: 0, reset_ms: 59_000, retry_after_ms: 1_000 };

testCalls(callerCalls, [
  {
    rpc: "token_is_revoked",
    ask: (calls) => calls.tokenIsRevoked(DID, new Date(AT)),
    sent: { p_did: DID, p_issued_at: AT },
    answer: true,
    told: true,
  },
  {
    rpc: "withdraw_request",
    ask: (calls) => calls.withdraw("r"),
    sent: { p_request_id: "r" },
    answer: true,
    told: true,
  },
  {
    rpc: "discard_request",
    ask: (calls) => calls.discard("r", AT),
    sent: { p_request_id: "r", p_request_time: AT },
    answer: true,
    told: true,
  },
  {
    rpc: "record_key_limit",
    ask: (calls) =>
      calls.recordKeyLimit(DID, "hash", { creditLimit: "2.5", creditLimitReset: "weekly" }),
    sent: {
      p_did: DID,
      p_openrouter_key_hash: "hash",
      p_credit_limit: "2.5",
      p_credit_limit_reset: "weekly",
    },
    answer: true,
  },
  {
    rpc: "record_key_limit",
    ask: (calls) =>
      calls.recordKeyLimit(DID, "hash", { creditLimit: null, creditLimitReset: null }),
    sent: { p_did: DID, p_openrouter_key_hash: "hash" },
    answer: false,
  },
  {
    rpc: "release_key_provisioning",
    ask: (calls) => calls.releaseProvisioning(DID, "attempt", true),
    sent: { ...CLAIM, p_orphan_possible: true },
  },
  {
    rpc: "release_key_provisioning",
    ask: (calls) => calls.releaseProvisioning(DID, "attempt", false),
    sent: { ...CLAIM, p_orphan_possible: false },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "provisioned", encrypted_api_key: "sealed" },
    told: { state: "provisioned", encryptedApiKey: "sealed" },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "no_room", why: "minute", ...RATE },
    told: {
      state: "no_room",
      why: "minute",
      limit: 60,
      remaining: 0,
      resetMs: 59_000,
      retryAfterMs: 1_000,
    },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "no_room", why: "day", retry_after_ms: 7_000 },
    told: { state: "no_room", why: "day", retryAfterMs: 7_000 },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "no_room", why: "none", retry_after_ms: 7_000 },
    told: { state: "no_room", why: "none", retryAfterMs: 7_000 },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: {
      state: "claimed",
      credit_limit: "2.5",
      credit_limit_reset: "monthly",
      orphans_since: AT,
      alerted: true,
    },
    told: {
      state: "claimed",
      limit: { creditLimit: "2.5", creditLimitReset: "monthly" },
      orphansSince: new Date(AT),
      isAlerted: true,
    },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "claimed", credit_limit: null, credit_limit_reset: null, orphans_since: null },
    told: {
      state: "claimed",
      limit: { creditLimit: null, creditLimitReset: null },
      orphansSince: null,
      isAlerted: false,
    },
  },
  {
    rpc: "claim_key_provisioning",
    ask: (calls) => calls.claimProvisioning(DID, "attempt", null),
    sent: CLAIM,
    answer: { state: "disabled" },
    told: { state: "disabled" },
  },
]);
