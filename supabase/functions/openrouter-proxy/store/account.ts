/** What callers are told, or refused, of their own account. */
import type { StoreCall } from "./rpc.ts";

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

/** @param call throws StoreUnavailable where Postgres or its API does not take it */
export function accountCalls(call: StoreCall) {
  return {
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
  };
}
