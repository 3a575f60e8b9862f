/** `GET /key` and `GET /credits`: what a key reads about itself and its account. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { budgetOf } from "./guardrails.ts";
import { ORGANIZATION_ID, USER_ID } from "./identifiers.ts";
import { amount } from "./key_settings.ts";
import { remaining, spent } from "./keys.ts";
import type { Key, Ledger } from "./ledger.ts";
import { jsonUsd } from "./money.ts";
import { DEFAULT_WORKSPACE_ID } from "./workspaces.ts";

const PURCHASED_CREDITS = 10_000;

/** `GET /key`: the calling key, ordinary or management; no hash. */
export function currentKey({ key, ledger }: Call): Answer {
  return json({
    data: {
      ...(key === null ? managementKey(ledger) : ordinaryKey(key, ledger)),
      is_free_tier: false,
      is_management_key: key === null,
      is_provisioning_key: key === null,
      allowed_data_regions: ["global"],
      rate_limit: { requests: -1, interval: "10s", note: "This field is deprecated" },
      creator_user_id: key?.creatorUserId ?? USER_ID,
      organization_id: ORGANIZATION_ID,
      free_model_daily_requests: ledger.freeModels.today(),
    },
  });
}

function managementKey(ledger: Ledger) {
  return {
    label: "sk-or-v1-man...ment",
    limit: null,
    limit_remaining: null,
    limit_reset: null,
    include_byok_in_limit: false,
    expires_at: null,
    ...spent("usage", ledger.total),
    ...spent("byok_usage", ledger.byokTotal),
    workspace_id: DEFAULT_WORKSPACE_ID,
    budgets: [],
    effective_budget: null,
  };
}

function ordinaryKey(key: Key, ledger: Ledger) {
  const budget = budgetOf(key, ledger);
  return {
    label: key.label,
    limit: amount(key.limit),
    limit_remaining: remaining(key, ledger),
    limit_reset: key.limitReset,
    include_byok_in_limit: key.includeByokInLimit,
    expires_at: key.expiresAt,
    ...spent("usage", key.usage),
    ...spent("byok_usage", key.byokUsage),
    workspace_id: key.workspaceId,
    budgets: budget === null ? [] : [budget],
    effective_budget: budget,
  };
}

/** `GET /credits`: the account's totals, for every key of it. */
export function credits({ ledger }: Call): Answer {
  return json({
    data: { total_credits: PURCHASED_CREDITS, total_usage: jsonUsd(ledger.total.total) },
  });
}
