/** What admit_request decides on a request. */
import { type KeyLimit, limitOf, type LimitRow } from "./key_limit.ts";
import { rateOf, type RateRow, type RateState } from "./rate.ts";
import { unusableAnswer } from "./rpc.ts";

/** A DID's key at OpenRouter. */
export interface AccountKey {
  /** An envelope of accounts/key_vault.ts. */
  encryptedApiKey: string;
  hash: string;
  /** The limit that OpenRouter has to be told for the key; null: it knows. */
  newLimit: NewLimit | null;
}

export interface NewLimit extends KeyLimit {
  /** Whether the gateway itself keeps what it follows from, so that calls may go on before. */
  mayWait: boolean;
}

/** A refusal by a rate. */
export interface RateExceeded extends RateState {
  decision: "rate_limited";
  scope: "did" | "gateway" | "free_models";
  /** `all_free_requests`: those of all DIDs together. */
  what: "requests" | "refusals" | "concurrent" | "free_requests" | "all_free_requests";
}

/** A refusal by a budget; amounts are decimal strings in USD. */
export interface BudgetExceeded {
  decision: "budget_exceeded";
  scope: "did" | "gateway";
  period: "day" | "month";
  limitUsd: string;
  spentUsd: string;
  reservedUsd: string;
  estimateUsd: string;
  /** RFC 3339. */
  resetsAt: string;
  /** Whether an alert is to be delivered for it. */
  alerted: boolean;
}

/** admit_request's decision: leave to go on, or why not. */
export type Admission =
  | {
    decision: "admitted";
    /** Null: the DID has none yet. Only what is free is admitted without. */
    key: AccountKey | null;
    /** Of the pending row; settle needs it. */
    requestTime: string;
    /** The DID's rate; null: it has none, or the request does not count. */
    rate: RateState | null;
    /** What is left of the DID's budgets, a decimal string in USD; null: it has none. */
    remainingUsd: string | null;
  }
  | { decision: "access_denied"; why: "blocked" | "not_allowed" }
  | { decision: "model_not_allowed"; model: string | null; why: string | null }
  | { decision: "feature_not_allowed"; feature: string }
  | { decision: "duplicate"; duplicateOf: string }
  | RateExceeded
  | BudgetExceeded
  | { decision: "needs_provisioning" | "token_revoked" | "not_owned" | "replayed" };

/** What admit_request returns; which members there are, the decision says. */
interface Answer {
  decision: Admission["decision"];
  encrypted_api_key: string | null;
  openrouter_key_hash: string | null;
  request_time: string;
  new_limit: LimitRow & { may_wait?: boolean } | null;
  rate?: RateRow;
  remaining_usd?: string;
  request_id: string;
  feature: string;
  model?: string;
  why?: string;
  scope: string;
  what: RateExceeded["what"];
  shared?: boolean;
  period: BudgetExceeded["period"];
  limit_usd: string;
  spent_usd: string;
  reserved_usd: string;
  estimate_usd: string;
  resets_at: string;
  alerted?: boolean;
}

/**
 * @param told what admit_request returned
 * @throws {StoreUnavailable} for what is no decision, or one of a database that is newer than this
 */
export function admissionOf(told: unknown): Admission {
  const answer = (told ?? {}) as Answer & RateRow;
  const { decision } = answer;
  switch (decision) {
    case "admitted":
      return {
        decision,
        key: accountKeyOf(answer),
        requestTime: answer.request_time,
        rate: answer.rate ? rateOf(answer.rate) : null,
        remainingUsd: answer.remaining_usd ?? null,
      };
    case "access_denied":
      return { decision, why: answer.why as "blocked" | "not_allowed" };
    case "model_not_allowed":
      return { decision, model: answer.model ?? null, why: answer.why ?? null };
    case "feature_not_allowed":
      return { decision, feature: answer.feature };
    case "duplicate":
      return { decision, duplicateOf: answer.request_id };
    case "rate_limited":
      return {
        decision,
        scope: answer.scope as RateExceeded["scope"],
        what: answer.shared === true ? "all_free_requests" : answer.what,
        ...rateOf(answer),
      };
    case "budget_exceeded":
      return {
        decision,
        scope: answer.scope as BudgetExceeded["scope"],
        period: answer.period,
        limitUsd: answer.limit_usd,
        spentUsd: answer.spent_usd,
        reservedUsd: answer.reserved_usd,
        estimateUsd: answer.estimate_usd,
        resetsAt: answer.resets_at,
        alerted: answer.alerted === true,
      };
    case "needs_provisioning":
    case "token_revoked":
    case "not_owned":
    case "replayed":
      return { decision };
    default:
      throw unusableAnswer("admit_request");
  }
}

function accountKeyOf(answer: Answer): AccountKey | null {
  if (!answer.encrypted_api_key) return null;
  return {
    encryptedApiKey: answer.encrypted_api_key,
    hash: answer.openrouter_key_hash!,
    newLimit: answer.new_limit &&
      // Databases of before do not say.
      { ...limitOf(answer.new_limit), mayWait: answer.new_limit.may_wait ?? false },
  };
}
