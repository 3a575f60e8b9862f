/** Rows for every table that calls do not fill: what an operator has set, and maintenance has found. */
import { createHash } from "node:crypto";

export type Row = Record<string, unknown>;

/**
 * What the operator has set, as far as there is a place for it. No default_allowed_models: by the interface
 * of the first gateways nobody may call where models are limited.
 */
export const SETTINGS: Row = {
  default_credit_limit: 7,
  default_credit_limit_reset: "weekly",
  request_log_retention_months: 13,
  shared_features: ["file"],
  access_mode: "open",
  daily_budget_usd: 1001,
  monthly_budget_usd: 2002,
  requests_per_minute: 100_003,
  default_daily_budget_usd: 101,
  default_monthly_budget_usd: 202,
  default_requests_per_minute: 303,
  default_concurrent_requests: 44,
  new_accounts_per_day: 505,
  new_accounts_per_minute: 506,
  default_reserved_output_tokens: 607,
  unknown_price_reserve_usd: 0.75,
  job_reserve_usd: 0.875,
  allowed_server_tools: ["web_search"],
  free_models_per_minute: 21,
  free_models_per_day: 51,
  default_free_models_per_day: 11,
  refused_requests_per_minute: 22,
};

/** A DID's rows by their tables. */
export const rowsOf = (did: string, number: number): Record<string, Row> => ({
  did_policies: {
    did: `did:web:limited-${number}.example`,
    tokens_valid_after: "2026-01-02T03:04:05Z",
    created_at: "2026-01-02T03:04:05Z",
    updated_at: "2026-01-02T03:04:05Z",
    access: "allowed",
    daily_budget_usd: 12.25,
    monthly_budget_usd: 120.5,
    requests_per_minute: 60,
    concurrent_requests: 7,
    free_models_per_day: 8,
    allowed_models: ["vendor/model", "other/*"],
  },
  retired_api_keys: {
    id: uuid(`${did} retired`),
    did,
    openrouter_key_hash: sha256(`${did} retired`),
    key_name: "before",
    credit_limit: 1.5,
    created_at: "2026-01-01T00:00:00Z",
    retired_at: "2026-01-02T00:00:00Z",
  },
  key_provisioning: {
    did: `${did}:next`,
    attempt_id: uuid(`${did} attempt`),
    first_claimed_at: "2026-01-01T00:00:00Z",
    expires_at: "2026-01-01T00:01:00Z",
    counted_on: "2026-01-01",
  },
  key_usages: {
    openrouter_key_hash: sha256(did),
    did,
    usage: 1.25,
    byok_usage: 0.5,
    read_at: "2026-01-01T00:00:00Z",
    is_final: false,
  },
  cost_checks: {
    did,
    claimed_at: "2026-01-01T00:00:00Z",
    is_equal: false,
    equal_at: "2026-01-01T00:00:00Z",
    surplus_usd: 0.25,
    surplus_byok_usd: 0,
    search_after: "2026-01-02T00:00:00Z",
    searches: 2,
  },
  cost_drift: {
    did,
    since: "2026-01-01T00:00:00Z",
    checked_at: "2026-01-02T00:00:00Z",
    openrouter_usd: 1.5,
    booked_usd: 1.25,
    drift_usd: 0.25,
    booked_byok_usd: 0,
  },
  found_generations: {
    generation_id: `gen-found-${number}`,
    did,
    request_id: uuid(`${did} found`),
    found_at: "2026-01-01T00:00:00Z",
  },
  maintenance_runs: {
    only_row: true,
    run_id: uuid("run"),
    started_at: "2026-01-01T00:00:00Z",
    expires_at: "2026-01-01T00:01:00Z",
  },
  budget_alerts: {
    id: uuid(`${did} alert`),
    did,
    kind: "day",
    period_start: "2026-01-01",
    threshold: 80,
    limit_value: 10,
    reached: 8.5,
    reached_at: "2026-01-01T12:00:00Z",
    attempts: 1,
    attempt_after: "2026-01-01T12:01:00Z",
  },
  usage_day_changes: { day: "2026-01-01" },
});

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The same for the same text. */
export const uuid = (text: string) =>
  sha256(text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
