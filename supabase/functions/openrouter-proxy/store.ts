/**
 * The only module that knows Postgres: typed calls of the RPCs in supabase/migrations.
 *
 * Every method throws a GatewayError `store_unavailable` when Postgres or its API does not take
 * the call, so that whoever needs a decision fails closed.
 */
import { createClient } from "@supabase/supabase-js";
import type { Database } from "./database.types.ts";
import { GatewayError } from "./errors.ts";

/** How long one call may take before the store counts as unavailable. */
const CALL_TIMEOUT_MS = 10_000;

type Functions = Database["public"]["Functions"];

/** What a key may spend at OpenRouter. */
export interface KeyLimit {
  /** USD, a decimal string; null: no limit. */
  creditLimit: string | null;
  /** When what was spent is forgotten, at midnight UTC; null: never. */
  creditLimitReset: "daily" | "weekly" | "monthly" | null;
}

/** One authenticated request, as admit_request decides on it. */
export interface AdmissionRequest {
  requestId: string;
  did: string;
  method: string;
  /** OpenRouter's path, without the query. */
  endpoint: string;
  /** Whether it gets a row in request_logs. */
  metered: boolean;
  model: string | null;
  streaming: boolean;
  /** Lower-case hex SHA-256 of a signed message that may be accepted once only, and until when. */
  replay: { hash: string; expiresAt: Date } | null;
  /** When the DID token was issued; null for signed requests. */
  tokenIssuedAt: Date | null;
  /** The ids of generations and jobs that must be in the caller's own log. */
  ownedGenerations: string[];
  /** What it asks for of what DIDs share, and the member of its body that does. */
  sharedFeatures: { feature: string; param: string }[];
  /** The client's Idempotency-Key and the lower-case hex SHA-256 of the body. */
  idempotency: { key: string; bodyHash: string } | null;
}

/** A DID's key at OpenRouter. */
export interface AccountKey {
  /** An envelope of accounts/key_vault.ts. */
  encryptedApiKey: string;
  hash: string;
  /** The limit that OpenRouter has to be told for the key; null: it knows. */
  newLimit: KeyLimit | null;
}

/** admit_request's decision: leave to go on, or why not. */
export type Admission =
  | {
    decision: "admitted";
    /** Null: the DID has none yet. Only what is free is admitted without. */
    key: AccountKey | null;
    /** Of the pending row; settle needs it. */
    requestTime: string;
  }
  | { decision: "feature_not_allowed"; feature: string }
  | { decision: "duplicate"; duplicateOf: string }
  | {
    decision: "needs_provisioning" | "access_denied" | "token_revoked" | "not_owned" | "replayed";
  };

/** How a metered request ended. Costs are decimal strings in OpenRouter's credits. */
export interface Settlement {
  requestId: string;
  /** As admit_request returned it. */
  requestTime: string;
  status: "completed" | "failed";
  httpStatus: number | null;
  errorMessage: string | null;
  model: string | null;
  provider: string | null;
  generationId: string | null;
  nativeFinishReason: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cachedTokens: number | null;
  reasoningTokens: number | null;
  cost: string | null;
  upstreamCost: string | null;
  usdPerCredit: string;
  costSource: "response" | "generation" | null;
  firstByteMs: number | null;
  /** Whether OpenRouter never got the request: its Idempotency-Key may then be used again. */
  neverSent: boolean;
}

export type ProvisioningClaim =
  | { state: "provisioned"; encryptedApiKey: string }
  | { state: "disabled" | "in_progress" }
  | {
    state: "claimed";
    limit: KeyLimit;
    /** Since when an earlier, unfinished attempt may have left a key at OpenRouter. */
    orphansSince: Date | null;
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

/** The cost of a job whose row has ended, in OpenRouter's credits. */
export interface LateCost {
  did: string;
  generationId: string;
  cost: string;
  upstreamCost: string | null;
  usdPerCredit: string;
}

export interface UsageQuery {
  did: string;
  /** Instants in RFC 3339; null: unbounded. The end is exclusive. */
  start: string | null;
  end: string | null;
  groupBy: string[];
}

/** Sums over ended requests, as usage_stats returns them; costs are decimal strings in USD. */
export interface UsageStats {
  total_requests: number;
  successful_requests: number;
  failed_requests: number;
  total_input_tokens: number;
  total_output_tokens: number;
  total_cached_tokens: number;
  total_reasoning_tokens: number;
  total_cost: string;
  requests_by_model: Record<string, number>;
  groups: ({ cost: string } & Record<string, string | number>)[];
}

export type Store = ReturnType<typeof createStore>;

/**
 * @param supabaseUrl the project's API, e.g. `https://<ref>.supabase.co`
 * @param secretKey a key with the role `service_role`
 */
export function createStore(
  supabaseUrl: string,
  secretKey: string,
  fetch: typeof globalThis.fetch,
) {
  const client = createClient<Database>(supabaseUrl, secretKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch },
  });

  async function call<Name extends keyof Functions>(
    name: Name,
    args: Functions[Name]["Args"],
  ): Promise<unknown> {
    const { data, error } = await client.rpc(name, args as never)
      .abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
    if (error) {
      throw storeUnavailable(`${name}: ${error.code} ${error.message}`);
    }
    return data;
  }

  return {
    /** Decides on a request and, when it is metered and admitted, books its pending row. */
    async admit(request: AdmissionRequest): Promise<Admission> {
      const answer = await call(
        "admit_request",
        present({
          p_request_id: request.requestId,
          p_did: request.did,
          p_method: request.method,
          p_endpoint: request.endpoint,
          p_metered: request.metered,
          p_model: request.model,
          p_streaming: request.streaming,
          p_message_hash: request.replay?.hash,
          p_message_expires_at: request.replay?.expiresAt.toISOString(),
          p_token_issued_at: request.tokenIssuedAt?.toISOString(),
          p_owned_generations: request.ownedGenerations,
          p_shared_features: request.sharedFeatures.map(({ feature }) => feature),
          // Gateways of before, which could not do without a key, do not say so.
          p_may_lack_key: true,
          p_idempotency_key: request.idempotency?.key,
          p_body_hash: request.idempotency?.bodyHash,
        }),
      ) as AdmissionAnswer;
      const { decision } = answer;
      switch (decision) {
        case "admitted":
          return { decision, key: accountKeyOf(answer), requestTime: answer.request_time! };
        case "duplicate":
          return { decision, duplicateOf: answer.request_id! };
        case "feature_not_allowed":
          return { decision, feature: answer.feature! };
        default:
          return { decision };
      }
    },

    /**
     * Ends a pending row. One that has ended takes no more, but for a cost that it lacks, and the end
     * of a row that was given up.
     *
     * @returns whether this ended the row, and what the row costs in USD, a decimal string or null
     */
    async settle(
      settlement: Settlement,
    ): Promise<{ settled: boolean; totalCostUsd: string | null }> {
      const answer = await call(
        "settle_request",
        present({
          p_request_id: settlement.requestId,
          p_request_time: settlement.requestTime,
          p_status: settlement.status,
          p_http_status: settlement.httpStatus,
          p_error_message: settlement.errorMessage,
          p_model: settlement.model,
          p_provider: settlement.provider,
          p_generation_id: settlement.generationId,
          p_native_finish_reason: settlement.nativeFinishReason,
          p_input_tokens: settlement.inputTokens,
          p_output_tokens: settlement.outputTokens,
          p_cached_tokens: settlement.cachedTokens,
          p_reasoning_tokens: settlement.reasoningTokens,
          p_cost: settlement.cost,
          p_upstream_cost: settlement.upstreamCost,
          p_usd_per_credit: settlement.usdPerCredit,
          p_cost_source: settlement.costSource,
          p_first_byte_ms: settlement.firstByteMs,
          p_never_sent: settlement.neverSent,
        }),
      ) as { settled: boolean; total_cost: string | null };
      return { settled: answer.settled, totalCostUsd: answer.total_cost };
    },

    /**
     * Ends the row of a request whose admission was not heard of.
     *
     * @returns whether there is such a row; false may only mean that its admission is still under way
     */
    async withdraw(requestId: string): Promise<boolean> {
      return await call("withdraw_request", { p_request_id: requestId }) as boolean;
    },

    /**
     * Deletes the pending row of a call on a path that OpenRouter does not have, with its Idempotency-Key.
     *
     * @param requestTime as admit_request returned it
     * @returns whether there was one; a row that has ended stays as it is
     */
    async discard(requestId: string, requestTime: string): Promise<boolean> {
      return await call("discard_request", {
        p_request_id: requestId,
        p_request_time: requestTime,
      }) as boolean;
    },

    /** Books what a job cost, once, when that becomes known after its row has ended. */
    async bookLateCost(job: LateCost): Promise<boolean> {
      return await call(
        "book_late_cost",
        present({
          p_did: job.did,
          p_generation_id: job.generationId,
          p_cost: job.cost,
          p_upstream_cost: job.upstreamCost,
          p_usd_per_credit: job.usdPerCredit,
        }),
      ) as boolean;
    },

    /** Claims the right to create a DID's key, or to replace the broken one. */
    async claimProvisioning(
      did: string,
      attemptId: string,
      brokenKeyHash: string | null,
    ): Promise<ProvisioningClaim> {
      const answer = await call(
        "claim_key_provisioning",
        present({ p_did: did, p_attempt_id: attemptId, p_broken_key_hash: brokenKeyHash }),
      ) as LimitRow & Record<string, string | null>;
      const state = answer.state as ProvisioningClaim["state"];
      switch (state) {
        case "provisioned":
          return { state, encryptedApiKey: answer.encrypted_api_key! };
        case "claimed":
          return {
            state,
            limit: limitOf(answer),
            orphansSince: answer.orphans_since ? new Date(answer.orphans_since) : null,
          };
        default:
          return { state };
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

    /** Whether the operator has revoked a DID's tokens that were issued at this instant. */
    async tokenIsRevoked(did: string, issuedAt: Date): Promise<boolean> {
      return await call("token_is_revoked", {
        p_did: did,
        p_issued_at: issuedAt.toISOString(),
      }) as boolean;
    },

    /** Sums over a DID's ended requests. */
    async usageStats(query: UsageQuery): Promise<UsageStats> {
      return await call(
        "usage_stats",
        present({
          p_did: query.did,
          p_start: query.start,
          p_end: query.end,
          p_group_by: query.groupBy,
        }),
      ) as UsageStats;
    },

    /** Resolves when Postgres answers. */
    async ping(): Promise<void> {
      const { error } = await client.from("gateway_settings").select("only_row").limit(1)
        .abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
      if (error) throw storeUnavailable(`ping: ${error.code} ${error.message}`);
    },
  };
}

function storeUnavailable(cause: string): GatewayError {
  return new GatewayError(
    "store_unavailable",
    "the gateway's database did not take the request; nothing was forwarded, try again",
    { headers: { "retry-after": "2" }, cause },
  );
}

interface LimitRow {
  credit_limit: string | null;
  credit_limit_reset: string | null;
}

/** What admit_request returns; which members there are, the decision says. */
interface AdmissionAnswer {
  decision: Admission["decision"];
  encrypted_api_key?: string | null;
  openrouter_key_hash?: string | null;
  request_time?: string;
  new_limit?: LimitRow | null;
  request_id?: string;
  feature?: string;
}

function accountKeyOf(answer: AdmissionAnswer): AccountKey | null {
  if (!answer.encrypted_api_key) return null;
  return {
    encryptedApiKey: answer.encrypted_api_key,
    hash: answer.openrouter_key_hash!,
    newLimit: answer.new_limit ? limitOf(answer.new_limit) : null,
  };
}

function limitOf(row: LimitRow): KeyLimit {
  return {
    creditLimit: row.credit_limit,
    creditLimitReset: row.credit_limit_reset as KeyLimit["creditLimitReset"],
  };
}

/** The members that have a value: an RPC's defaults stand for the others. */
function present<T extends Record<string, unknown>>(
  args: T,
): { [K in keyof T]: Exclude<T[K], null | undefined> } {
  return Object.fromEntries(
    Object.entries(args).filter(([, value]) => value !== null && value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], null | undefined> };
}
