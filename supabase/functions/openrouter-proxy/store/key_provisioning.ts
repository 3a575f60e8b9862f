/** Who creates a DID's key at OpenRouter, and what is kept of it. */
import { type KeyLimit, limitOf, type LimitRow } from "./key_limit.ts";
import { rateOf, type RateRow, type RateState } from "./rate.ts";
import { present, type StoreCall, unusableAnswer } from "./rpc.ts";

export type ProvisioningClaim =
  | { state: "provisioned"; encryptedApiKey: string }
  | { state: "disabled" | "in_progress" }
  /** Too many new accounts; `none`: there are to be none on any day. */
  | { state: "no_room"; why: "day" | "none"; retryAfterMs: number }
  | ({ state: "no_room"; why: "minute" } & RateState)
  | {
    state: "claimed";
    limit: KeyLimit;
    /** Since when an earlier, unfinished attempt may have left a key at OpenRouter. */
    orphansSince: Date | null;
    /** Whether an alert is to be delivered for it. */
    isAlerted: boolean;
  };

/** The key that an attempt created at OpenRouter. */
export interface ProvisionedKey {
  did: string;
  attemptId: string;
  hash: string;
  encryptedApiKey: string;
  name: string;
  limit: KeyLimit;
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function keyProvisioningCalls(call: StoreCall) {
  return {
    /** Claims the right to create a DID's key, or to replace the broken one. */
    async claimProvisioning(
      did: string,
      attemptId: string,
      brokenKeyHash: string | null,
    ): Promise<ProvisioningClaim> {
      const answer = await call(
        "claim_key_provisioning",
        present({ p_did: did, p_attempt_id: attemptId, p_broken_key_hash: brokenKeyHash }),
      ) as LimitRow & ClaimAnswer;
      const { state } = answer;
      switch (state) {
        case "provisioned":
          return { state, encryptedApiKey: answer.encrypted_api_key! };
        case "no_room":
          return answer.why === "minute"
            ? { state, why: "minute", ...rateOf(answer as RateRow) }
            : {
              state,
              why: answer.why === "none" ? "none" : "day",
              retryAfterMs: answer.retry_after_ms!,
            };
        case "claimed":
          return {
            state,
            limit: limitOf(answer),
            orphansSince: answer.orphans_since ? new Date(answer.orphans_since) : null,
            isAlerted: answer.alerted === true,
          };
        case "disabled":
        case "in_progress":
          return { state };
        default:
          throw unusableAnswer("claim_key_provisioning");
      }
    },

    /** Stores a created key. False: the lease was lost and nothing was stored. */
    async completeProvisioning(key: ProvisionedKey): Promise<boolean> {
      return await call(
        "complete_key_provisioning",
        present({
          p_did: key.did,
          p_attempt_id: key.attemptId,
          p_openrouter_key_hash: key.hash,
          p_encrypted_api_key: key.encryptedApiKey,
          p_key_name: key.name,
          p_credit_limit: key.limit.creditLimit,
          p_credit_limit_reset: key.limit.creditLimitReset,
        }),
      ) as boolean;
    },

    /** Notes which limit OpenRouter was told for a key. */
    async recordKeyLimit(did: string, keyHash: string, limit: KeyLimit): Promise<void> {
      await call(
        "record_key_limit",
        present({
          p_did: did,
          p_openrouter_key_hash: keyHash,
          p_credit_limit: limit.creditLimit,
          p_credit_limit_reset: limit.creditLimitReset,
        }),
      );
    },

    /** Gives the lease back after a failure. */
    async releaseProvisioning(did: string, attemptId: string, orphanPossible: boolean) {
      await call("release_key_provisioning", {
        p_did: did,
        p_attempt_id: attemptId,
        p_orphan_possible: orphanPossible,
      });
    },
  };
}

/** What claim_key_provisioning returns; which members there are, the state says. */
interface ClaimAnswer extends Partial<RateRow> {
  state: ProvisioningClaim["state"];
  encrypted_api_key?: string;
  orphans_since?: string | null;
  why?: "day" | "none" | "minute";
  alerted?: boolean;
}
