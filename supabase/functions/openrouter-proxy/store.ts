/**
 * What knows Postgres: typed calls of the RPCs in supabase/migrations, by the part of supabase-js that
 * calls them. Those that maintenance makes are in store_maintenance.ts, and those that tell callers of
 * their usage in store_usage.ts.
 *
 * Every method throws a GatewayError `store_unavailable` when Postgres or its API does not take
 * the call, so that whoever needs a decision fails closed.
 */
import { PostgrestClient } from "@supabase/postgrest-js";
import { apiKeyHeaders } from "./config_secret_keys.ts";
import type { Database } from "./database.types.ts";
import { GatewayError } from "./errors.ts";
import {
  type Admission,
  admissionMembers,
  admissionOf,
  type AdmissionRequest,
  rateOf,
  type RateRow,
  type RateState,
} from "./store_admission.ts";
import { type BatchLimits, naturalBatches } from "./bytes/natural_batches.ts";
import { storeBreaker } from "./store_breaker.ts";
import { maintenanceCalls } from "./store_maintenance.ts";
import { type KeyLimit, limitOf, type LimitRow } from "./store_members.ts";
import {
  costMembers,
  type KnownCost,
  type Settled,
  settledOf,
  type Settlement,
  settlementMembers,
} from "./store_settlement.ts";
import { present, usageCalls } from "./store_usage.ts";

/** How long one call may take before the store counts as unavailable. */
const CALL_TIMEOUT_MS = 10_000;
/** SQLSTATE classes 08 and 57P; PostgREST's own codes of a connection that failed. */
const LOST_CONNECTION = /^(?:08|57P|PGRST00[0-2])/;
/** Few enough that Postgres is done with them in some ten milliseconds. */
export const BATCHES: BatchLimits = { atOnce: 64, patienceMs: 100 };
/** By how much a timer may be early. */
const TIMER_SLACK_MS = 100;

export type ProvisioningClaim =
  | { state: "provisioned"; encryptedApiKey: string }
  | { state: "disabled" | "in_progress" }
  /** Too many new accounts. */
  | { state: "no_room"; why: "day"; retryAfterMs: number }
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

/** A DID's limits as account_limits returns them; null: not set. Amounts are decimal strings in USD. */
export interface AccountLimits {
  did: string;
  access: "allowed" | "not_allowed" | "blocked";
  /** Of the gateway's own, where one of them would refuse first, `remaining_usd` alone is told. */
  budgets: {
    scope: "did" | "gateway";
    period: "day" | "month";
    limit_usd: string | null;
    spent_usd: string | null;
    reserved_usd: string | null;
    remaining_usd: string | null;
    resets_at: string;
    alerts: { threshold: number; reached_at: string }[];
  }[];
  rates: {
    scope: "did" | "gateway";
    requests_per_minute: number;
    remaining: number;
    resets_at: string;
  }[];
  concurrent_requests: number | null;
  free_models_per_day: number | null;
  allowed_models: string[] | null;
  upstream_limit_usd: string | null;
}

type Functions = Database["public"]["Functions"];

/** Calls an RPC. */
export type StoreCall = <Name extends keyof Functions>(
  name: Name,
  args: Functions[Name]["Args"],
) => Promise<unknown>;

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
  const client = new PostgrestClient<Database>(`${supabaseUrl}/rest/v1`, {
    headers: apiKeyHeaders(secretKey),
    fetch,
  });

  const call: StoreCall = async (name, args) => {
    const { data, error } = await client.rpc(name, args as never)
      .abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
    if (error) {
      // An error with a code is Postgres's or its API's own: then the call did nothing, unless it is
      // the connection between the two that got lost.
      const mayHaveArrived = !error.code || LOST_CONNECTION.test(error.code);
      throw new StoreUnavailable(`${name}: ${error.code} ${error.message}`, mayHaveArrived);
    }
    return data;
  };

  const didNothing = (error: unknown) => error instanceof StoreUnavailable && !error.mayHaveArrived;

  const notAsked = () => new StoreUnavailable("several calls in a row have timed out", false);
  const admissions = storeBreaker(CALL_TIMEOUT_MS - TIMER_SLACK_MS, now, notAsked);

  const admit = naturalBatches<AdmissionRequest, Admission>({
    keyOf: ({ requestId }) => requestId,
    one: async (request) =>
      admissionOf(
        await admissions.run(() =>
          call("admit_request", { p_admission: admissionMembers(request) })
        ),
      ),
    many: async (requests) => {
      const answers = await admissions.run(() =>
        call("admit_requests", { p_admissions: JSON.stringify(requests.map(admissionMembers)) })
      );
      return answersById(answers, admissionOf);
    },
    didNothing,
  }, BATCHES);

  const settle = naturalBatches<Settlement, Settled>({
    keyOf: ({ requestId }) => requestId,
    one: async (settlement) =>
      settledOf(await call("settle_request", { p_settlement: settlementMembers(settlement) })),
    many: async (settlements) => {
      const answers = await call("settle_requests", {
        p_settlements: JSON.stringify(settlements.map(settlementMembers)),
      });
      return answersById(answers, settledOf);
    },
    didNothing,
  }, BATCHES);

  return {
    ...maintenanceCalls(call),
    ...usageCalls(call),

    /** Decides on a request and, when it is metered and admitted, books its pending row. */
    async admit(request: AdmissionRequest): Promise<Admission> {
      if (admissions.isOpen()) throw notAsked();
      return await admit(request);
    },

    /**
     * Ends a pending row. One that has ended takes no more, but for a cost that it lacks, and the end
     * of a row that was given up.
     */
    settle,

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
      ) as LimitRow & ClaimAnswer;
      const { state } = answer;
      switch (state) {
        case "provisioned":
          return { state, encryptedApiKey: answer.encrypted_api_key! };
        case "no_room":
          return answer.why === "minute"
            ? { state, why: "minute", ...rateOf(answer as RateRow) }
            : { state, why: "day", retryAfterMs: answer.retry_after_ms! };
        case "claimed":
          return {
            state,
            limit: limitOf(answer),
            orphansSince: answer.orphans_since ? new Date(answer.orphans_since) : null,
            isAlerted: answer.alerted === true,
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

    /** The envelope of a DID's key; null: it has none. */
    async encryptedKeyOf(did: string): Promise<string | null> {
      const { data, error } = await client.from("user_api_keys").select("encrypted_api_key")
        .eq("did", did).limit(1).abortSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
      if (error) throw new StoreUnavailable(`user_api_keys: ${error.code} ${error.message}`, false);
      return data[0]?.encrypted_api_key ?? null;
    },

    /** Whether the operator has revoked a DID's tokens that were issued at this instant. */
    async tokenIsRevoked(did: string, issuedAt: Date): Promise<boolean> {
      return await call("token_is_revoked", {
        p_did: did,
        p_issued_at: issuedAt.toISOString(),
      }) as boolean;
    },

    /** A DID's budgets and rates, as they stand. */
    async accountLimits(did: string): Promise<AccountLimits> {
      return await call("account_limits", { p_did: did }) as AccountLimits;
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

/** What claim_key_provisioning returns; which members there are, the state says. */
interface ClaimAnswer extends Partial<RateRow> {
  state: ProvisioningClaim["state"];
  encrypted_api_key?: string;
  orphans_since?: string | null;
  why?: "day" | "minute";
  alerted?: boolean;
}

/** What an RPC for several answers, `{<request id>: answer}`. */
function answersById<Answer>(told: unknown, answerOf: (told: unknown) => Answer) {
  return new Map(
    Object.entries(told as Record<string, unknown>).map(([id, answer]) => [id, answerOf(answer)]),
  );
}
