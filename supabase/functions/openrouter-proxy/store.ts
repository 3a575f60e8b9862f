/**
 * The only module that knows Postgres: typed calls of the RPCs in supabase/migrations.
 *
 * Every method throws a GatewayError `store_unavailable` when Postgres or its API does not take
 * the call, so that whoever needs a decision fails closed.
 */
import { createClient } from "@supabase/supabase-js";
import type { Database } from "./database.types.ts";
import { GatewayError } from "./errors.ts";
import { storeBreaker } from "./store_breaker.ts";

/** How long one call may take before the store counts as unavailable. */
const CALL_TIMEOUT_MS = 10_000;
/** SQLSTATE classes 08 and 57P; PostgREST's own codes of a connection that failed. */
const LOST_CONNECTION = /^(?:08|57P|PGRST00[0-2])/;
/** By how much a timer may be early. */
const TIMER_SLACK_MS = 100;

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

/** What an answer, or OpenRouter's account of it, tells of a request; null: not known. */
export interface KnownUsage {
  model: string | null;
  provider: string | null;
  nativeFinishReason: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cachedTokens: number | null;
  reasoningTokens: number | null;
  /** In OpenRouter's credits, a decimal string. */
  upstreamCost: string | null;
  /** US dollars in one credit, a decimal string. */
  usdPerCredit: string;
}

/** How a metered request ended. */
export interface Settlement extends KnownUsage {
  requestId: string;
  /** As admit_request returned it. */
  requestTime: string;
  status: "completed" | "failed";
  httpStatus: number | null;
  errorMessage: string | null;
  /** Whether it ends the row before the request's end is known: that may be settled in its place. */
  givenUp: boolean;
  generationId: string | null;
  /** In OpenRouter's credits, a decimal string; "0": nothing was billed; null: not known yet. */
  cost: string | null;
  costSource: "response" | "generation" | null;
  firstByteMs: number | null;
  /** Whether nothing was billed, so that its Idempotency-Key may be used again. */
  mayBeRepeated: boolean;
}

/** The cost of a request whose row has ended without. */
export interface KnownCost extends KnownUsage {
  /** The row: by its id and the time that admit_request returned, or by a generation or job of a DID. */
  row: { requestId: string; requestTime: string } | { did: string; generationId: string };
  /** In OpenRouter's credits, a decimal string. */
  cost: string;
  costSource: "response" | "generation" | "reconciliation";
}

/** What became of a settlement. */
export interface Settled {
  /** Whether the row took it. */
  settled: boolean;
  /** What the row costs now, in USD, a decimal string; null: not known. */
  totalCostUsd: string | null;
  /** The names of what Postgres refused and was left out, for operators; null: nothing. */
  leftOut: string | null;
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
  /** Ended requests whose cost is not known: total_cost lacks them. */
  requests_without_cost: number;
  total_input_tokens: number;
  total_output_tokens: number;
  total_cached_tokens: number;
  total_reasoning_tokens: number;
  total_cost: string;
  requests_by_model: Record<string, number>;
  groups: ({ cost: string } & Record<string, string | number>)[];
}

/** What maintenance works on: see books/maintenance/. */

/** An ended row with a generation or a job, and no cost. */
export interface UnpricedRequest {
  requestId: string;
  requestTime: string;
  did: string;
  endpoint: string;
  generationId: string;
}

/** What OpenRouter says that a key has spent, in credits: decimal strings; null: it does not say. */
export interface KeyReading {
  hash: string;
  usage: string | null;
  byokUsage: string | null;
  /** Whether OpenRouter no longer has the key; `usage` is then what analytics say. */
  isGone: boolean;
}

/** How a DID's booked costs and OpenRouter's sum compare. */
export type CostComparison = "equal" | "differs" | "busy" | "unknown";

/** A DID whose calls are to be looked for, because OpenRouter has charged more than is booked. */
export interface CostSearch {
  did: string;
  keyHashes: string[];
  /** Since when they may have been made, in milliseconds since the epoch. */
  fromMs: number;
}

/** A generation that is booked, and the span of time in which its request ran, a little widened. */
export interface RanGeneration {
  id: string;
  fromMs: number;
  toMs: number;
}

/** What OpenRouter made for one request that no row says anything of. */
export interface FoundCall extends KnownUsage {
  did: string;
  /** Costs in OpenRouter's credits, decimal strings. */
  generations: { id: string; cost: string; upstreamCost: string | null }[];
  createdAt: Date;
  /** Null: not known. */
  endpoint: string | null;
  streaming: boolean;
}

/** A difference that somebody should look into; USD as decimal strings, positive: not booked. */
export interface StandingDrift {
  did: string;
  drift_usd: string;
  byok_drift_usd: string | null;
  stands_since: string;
}

/** What became of it: see adopt_generation. */
export type Adoption = "adopted" | "own_row" | "known" | "pending" | "exceeds" | "no_row";

export type Store = ReturnType<typeof createStore>;

/**
 * @param supabaseUrl the project's API, e.g. `https://<ref>.supabase.co`
 * @param secretKey a key with the role `service_role`
 * @param now milliseconds on any steady clock
 */
export function createStore(
  supabaseUrl: string,
  secretKey: string,
  fetch: typeof globalThis.fetch,
  now: () => number,
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
      // An error with a code is Postgres's or its API's own: then the call did nothing, unless it is
      // the connection between the two that got lost.
      const mayHaveArrived = !error.code || LOST_CONNECTION.test(error.code);
      throw new StoreUnavailable(`${name}: ${error.code} ${error.message}`, mayHaveArrived);
    }
    return data;
  }

  const admissions = storeBreaker(
    CALL_TIMEOUT_MS - TIMER_SLACK_MS,
    now,
    () => new StoreUnavailable("several calls in a row have timed out", false),
  );

  return {
    /** Decides on a request and, when it is metered and admitted, books its pending row. */
    async admit(request: AdmissionRequest): Promise<Admission> {
      const answer = await admissions.run(() =>
        call(
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
        )
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
     */
    async settle(settlement: Settlement): Promise<Settled> {
      const answer = await call("settle_request", {
        p_settlement: {
          request_id: settlement.requestId,
          request_time: settlement.requestTime,
          status: settlement.status,
          http_status: settlement.httpStatus,
          error_message: settlement.errorMessage,
          given_up: settlement.givenUp,
          generation_id: settlement.generationId,
          cost: settlement.cost,
          cost_source: settlement.costSource,
          first_byte_ms: settlement.firstByteMs,
          may_be_repeated: settlement.mayBeRepeated,
          ...usageMembers(settlement),
        },
      }) as { settled: boolean; total_cost: string | null; left_out: string | null };
      return {
        settled: answer.settled,
        totalCostUsd: answer.total_cost,
        leftOut: answer.left_out,
      };
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

    /**
     * Books the cost of a row that has ended without, once, and fills in what else it lacks.
     *
     * @returns false: there is no such row, or its cost is known
     */
    async bookCost(known: KnownCost): Promise<boolean> {
      return await call("book_cost", { p_cost: costMembers(known) }) as boolean;
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

    /** Takes the lease under which one maintenance runs at a time. False: another one holds it. */
    async beginMaintenance(runId: string, leaseMs: number): Promise<boolean> {
      return await call("begin_maintenance", {
        p_run_id: runId,
        p_lease: milliseconds(leaseMs),
      }) as boolean;
    },

    async endMaintenance(runId: string): Promise<void> {
      await call("end_maintenance", { p_run_id: runId });
    },

    /** Ends rows that have been pending for longer than any request can last. @returns how many */
    async expireStaleRequests(): Promise<number> {
      return await call("expire_stale_requests", {}) as number;
    },

    /** Claims rows to ask OpenRouter what they cost. @returns also how many could be claimed besides */
    async claimUnpriced(limit: number): Promise<{ requests: UnpricedRequest[]; left: number }> {
      const { requests, left } = await call("claim_unpriced_requests", { p_limit: limit }) as {
        requests: Record<string, string>[];
        left: number;
      };
      return {
        requests: requests.map((row) => ({
          requestId: row.request_id!,
          requestTime: row.request_time!,
          did: row.did!,
          endpoint: row.endpoint!,
          generationId: row.generation_id!,
        })),
        left,
      };
    },

    /** Gives claims back that were not used. */
    async giveBackUnpriced(requests: UnpricedRequest[]): Promise<void> {
      await call("give_back_unpriced_requests", {
        p_requests: requests.map(({ requestId, requestTime }) => ({
          request_id: requestId,
          request_time: requestTime,
        })),
      });
    },

    /** Books costs of rows that have ended without, once each. @returns how many of them */
    async bookCosts(known: KnownCost[]): Promise<number> {
      return await call("book_costs", { p_costs: known.map(costMembers) }) as number;
    },

    /** The envelope of a DID's key; null: it has none. */
    async encryptedKeyOf(did: string): Promise<string | null> {
      const { data, error } = await client.from("user_api_keys").select("encrypted_api_key")
        .eq("did", did).limit(1).abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
      if (error) throw new StoreUnavailable(`user_api_keys: ${error.code} ${error.message}`, false);
      return data[0]?.encrypted_api_key ?? null;
    },

    /** Claims DIDs whose costs this run compares with OpenRouter's sums, with the hashes of their keys. */
    async claimCostChecks(
      limit: number,
    ): Promise<{ checks: { did: string; keys: string[] }[]; left: number }> {
      return await call("claim_cost_checks", { p_limit: limit }) as {
        checks: { did: string; keys: string[] }[];
        left: number;
      };
    },

    /**
     * Compares a DID's booked costs with what OpenRouter says of its keys, and keeps the difference.
     *
     * @param keys what was just read; the DID's other keys count as they were read last
     * @param readForMs how long ago the reading began
     */
    async compareCosts(
      did: string,
      usdPerCredit: string,
      keys: KeyReading[],
      readForMs: number,
    ): Promise<CostComparison> {
      const { state } = await call("compare_costs", {
        p_did: did,
        p_usd_per_credit: usdPerCredit,
        p_keys: keys.map(({ hash, usage, byokUsage, isGone }) => ({
          hash,
          usage,
          byok_usage: byokUsage,
          is_gone: isGone,
        })),
        p_read_for: milliseconds(readForMs),
      }) as { state: CostComparison };
      return state;
    },

    /** Claims DIDs that OpenRouter has charged more than is booked. */
    async claimCostSearches(limit: number): Promise<{ searches: CostSearch[]; left: number }> {
      const { searches, left } = await call("claim_cost_searches", { p_limit: limit }) as {
        searches: { did: string; keys: string[]; from: string }[];
        left: number;
      };
      return {
        searches: searches.map(({ did, keys, from }) => ({
          did,
          keyHashes: keys,
          fromMs: Date.parse(from),
        })),
        left,
      };
    },

    /** Notes up to when a search has looked where it broke off; null: it has come to its end. */
    async endCostSearch(did: string, searchedTo: Date | null): Promise<void> {
      await call(
        "end_cost_search",
        { p_did: did, p_searched_to: searchedTo?.toISOString() ?? null } as never,
      );
    },

    /** Of these generations of a DID, those whose cost is not in the books. */
    async unbookedGenerations(did: string, ids: string[]): Promise<string[]> {
      return await call("unbooked_generations", {
        p_did: did,
        p_generation_ids: ids,
      }) as string[];
    },

    /** The generations of a DID's requests whose answers told the sum of their costs, and when they ran. */
    async generationsWithSums(did: string, from: Date, to: Date): Promise<RanGeneration[]> {
      const rows = await call("generations_with_sums", {
        p_did: did,
        p_from: from.toISOString(),
        p_to: to.toISOString(),
      }) as { generation_id: string; from: string; to: string }[];
      return rows.map(({ generation_id, from, to }) => ({
        id: generation_id,
        fromMs: Date.parse(from),
        toMs: Date.parse(to),
      }));
    },

    /** Notes generations whose cost is in the sum that the answer to their request told. */
    async noteParts(did: string, ids: string[]): Promise<void> {
      await call("note_parts", { p_did: did, p_generation_ids: ids });
    },

    /**
     * Books generations that no row has, once.
     *
     * @param anyRow whether a lost row of another model will do, and a new one, too
     */
    async adoptGeneration(found: FoundCall, anyRow: boolean): Promise<Adoption> {
      return await call("adopt_generation", {
        p_found: {
          did: found.did,
          generations: found.generations.map(({ id, cost, upstreamCost }) => ({
            id,
            cost,
            upstream_cost: upstreamCost,
          })),
          created_at: found.createdAt.toISOString(),
          endpoint: found.endpoint,
          streaming: found.streaming,
          ...usageMembers(found),
        },
        p_any_row: anyRow,
      }) as Adoption;
    },

    /** The differences between OpenRouter's sums and the books that have stood for an hour. */
    async standingDrifts(): Promise<StandingDrift[]> {
      return await call("standing_cost_drifts", {}) as StandingDrift[];
    },

    /** Forgets replay keys and idempotency keys that have expired, some at a time. @returns how many */
    async purge(): Promise<number> {
      const messages = await call("purge_accepted_messages", {}) as number;
      return messages + (await call("purge_idempotency_keys", {}) as number);
    },

    /** Resolves when Postgres answers. */
    async ping(): Promise<void> {
      const { error } = await client.from("gateway_settings").select("only_row").limit(1)
        .abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
      if (error) throw new StoreUnavailable(`ping: ${error.code} ${error.message}`, false);
    },
  };
}

/** Postgres or its API did not take a call. */
export class StoreUnavailable extends GatewayError {
  /** @param mayHaveArrived whether only the answer may have been lost */
  constructor(cause: string, readonly mayHaveArrived: boolean) {
    super(
      "store_unavailable",
      "the gateway's database did not take the request; nothing was forwarded, try again",
      { headers: { "retry-after": "2" }, cause },
    );
  }
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

/** What book_cost takes. */
function costMembers(known: KnownCost) {
  const { row } = known;
  return {
    ...("did" in row
      ? { did: row.did, generation_id: row.generationId }
      : { request_id: row.requestId, request_time: row.requestTime }),
    cost: known.cost,
    cost_source: known.costSource,
    ...usageMembers(known),
  };
}

/** Members of the composite type `settlement`. */
function usageMembers(known: KnownUsage) {
  return {
    model: known.model,
    provider: known.provider,
    native_finish_reason: known.nativeFinishReason,
    input_tokens: known.inputTokens,
    output_tokens: known.outputTokens,
    cached_tokens: known.cachedTokens,
    reasoning_tokens: known.reasoningTokens,
    upstream_cost: known.upstreamCost,
    usd_per_credit: known.usdPerCredit,
  };
}

/** An interval, as Postgres reads it. */
function milliseconds(ms: number): string {
  return `${Math.round(ms)} milliseconds`;
}

/** The members that have a value: an RPC's defaults stand for the others. */
function present<T extends Record<string, unknown>>(
  args: T,
): { [K in keyof T]: Exclude<T[K], null | undefined> } {
  return Object.fromEntries(
    Object.entries(args).filter(([, value]) => value !== null && value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], null | undefined> };
}
