/** What the RPCs answer with that this gateway calls: what is anything else, Postgres did not say. */
import { isObject } from "../bytes/encodings.ts";

const isBoolean = (data: unknown) => typeof data === "boolean";
const isNumber = (data: unknown) => typeof data === "number";
const isText = (data: unknown) => typeof data === "string";
const isAnything = () => true;

const ANSWERS = {
  account_limits: isObject,
  add_up_days: isNumber,
  admit_request: isObject,
  admit_requests: isObject,
  adopt_generation: isText,
  begin_maintenance: isBoolean,
  book_cost: isBoolean,
  book_costs: isNumber,
  claim_budget_alerts: isObject,
  claim_cost_checks: isObject,
  claim_cost_searches: isObject,
  claim_key_provisioning: isObject,
  claim_unpriced_requests: isObject,
  compare_costs: isObject,
  complete_key_provisioning: isBoolean,
  discard_request: isBoolean,
  end_budget_alert: isBoolean,
  end_cost_search: isAnything,
  end_maintenance: isAnything,
  expire_stale_requests: isNumber,
  generations_with_sums: Array.isArray,
  give_back_unpriced_requests: isAnything,
  note_parts: isAnything,
  purge_accepted_messages: isNumber,
  purge_budget_alerts: isNumber,
  purge_idempotency_keys: isNumber,
  purge_usage_hourly: isNumber,
  record_key_limit: isBoolean,
  release_key_provisioning: isAnything,
  settle_request: isObject,
  settle_requests: isObject,
  standing_cost_drifts: Array.isArray,
  token_is_revoked: isBoolean,
  unbooked_generations: Array.isArray,
  // Null: there is no such request.
  usage_request: (data: unknown) => data === null || isObject(data),
  usage_requests: Array.isArray,
  usage_stats: isObject,
  withdraw_request: isBoolean,
};

/** The name of an RPC that is called. */
export type Rpc = keyof typeof ANSWERS;

/** Whether this is what the RPC answers with. @param data its answer, from JSON; null: there was none */
export function isAnswerOf(name: Rpc, data: unknown): boolean {
  return ANSWERS[name](data);
}
