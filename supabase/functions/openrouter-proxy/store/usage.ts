/** The reads of a DID's own usage from Postgres: see usage/. */
import { present, type StoreCall } from "./rpc.ts";

export interface UsageQuery extends Origin {
  did: string;
  /** Instants in RFC 3339; null: unbounded. The end is exclusive. */
  start: string | null;
  end: string | null;
  groupBy: string[];
}

/** What a request belongs to, in the client's own words; null: nothing is said. */
export interface Origin {
  session: string | null;
  label: string | null;
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
  groups: ({ cost: string } & Record<string, string | number | null>)[];
  /** There are more models or groups than are told by name: the others are one, `other`. */
  truncated?: true;
  /** What was requested before it may be missing. RFC 3339. */
  partial_before?: string;
}

/** Where a row of the log stands: it never changes. */
export interface LogPlace {
  /** RFC 3339, UTC, to the microsecond. */
  requestTime: string;
  id: string;
}

/** A row of the log, as told_request returns it; null: not known, or not said. */
export interface LoggedRequest extends Origin {
  id: string;
  request_time: string;
  response_time: string | null;
  status: "pending" | "completed" | "failed";
  model: string | null;
  provider: string | null;
  endpoint: string;
  streaming: boolean;
  http_status: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
  /** USD, a decimal string. */
  cost: string | null;
  cost_source: "response" | "generation" | "reconciliation" | null;
  generation_id: string | null;
  error_message: string | null;
}

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function usageCalls(call: StoreCall) {
  return {
    /** Sums over a DID's ended requests. */
    async usageStats(query: UsageQuery): Promise<UsageStats> {
      return await call(
        "usage_stats",
        present({
          p_did: query.did,
          p_start: query.start,
          p_end: query.end,
          p_group_by: query.groupBy,
          p_session: query.session,
          p_label: query.label,
        }),
      ) as UsageStats;
    },

    /** A DID's requests, newest first. @param after the one before the first; null: begin with the newest */
    async usageRequests(
      did: string,
      limit: number,
      after: LogPlace | null,
      { session, label }: Origin,
    ): Promise<LoggedRequest[]> {
      return await call(
        "usage_requests",
        present({
          p_did: did,
          p_limit: limit,
          p_after_time: after?.requestTime,
          p_after_id: after?.id,
          p_session: session,
          p_label: label,
        }),
      ) as LoggedRequest[];
    },

    /** One request of a DID; null: it has none of this id. */
    async usageRequest(did: string, id: string): Promise<LoggedRequest | null> {
      return await call("usage_request", { p_did: did, p_id: id }) as LoggedRequest | null;
    },
  };
}
