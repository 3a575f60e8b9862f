/** What admit_request is told of a request, and what it decides. */
import { rateOf, type RateRow, type RateState } from "./rate.ts";
import { type KeyLimit, limitOf, type LimitRow } from "./key_limit.ts";

/** What a request may cost, as `reserve_of` of supabase/schemas reads it. Decimal strings in USD. */
export type ExpectedCost =
  | { usd: string }
  /** The request bounds no output; `output_tokens` is the model's own bound, null: none is known. */
  | { usd: string; usd_per_output_token: string; output_tokens: number | null }
  /** No price is known. */
  | { unknown: "price" | "job" };

/** One authenticated request, as admit_request decides on it. */
export interface AdmissionRequest {
  requestId: string;
  did: string;
  method: string;
  /** OpenRouter's path, without the query. */
  endpoint: string;
  /** Whether it gets a row in request_logs. */
  metered: boolean;
  /** The model that is booked until the answer tells which it was. */
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
  /** The tools and plugins that OpenRouter or a provider shall run, and the member that asks for it. */
  serverTools: { name: string; param: string }[];
  /** The client's Idempotency-Key and the lower-case hex SHA-256 of the body. */
  idempotency: { key: string; bodyHash: string } | null;
  /** Every model that it names, as it is written. */
  models: string[];
  /** Why more than those may run, as the end of a sentence; null: nothing else will. */
  runsUnnamed: string | null;
  /** Whether it counts among the account's requests to free models. */
  freeModel: boolean;
  /** What it may cost; the dearest counts. */
  estimate: ExpectedCost[];
  /** What the client says that it belongs to; null: nothing. */
  session: string | null;
  label: string | null;
}

/** A DID's key at OpenRouter. */
export interface AccountKey {
  /** An envelope of accounts/key_vault.ts. */
  encryptedApiKey: string;
  hash: string;
  /** The limit that OpenRouter has to be told for the key; null: it knows. */
  newLimit: KeyLimit | null;
}

/** A refusal by a rate. */
export interface RateExceeded extends RateState {
  decision: "rate_limited";
  scope: "did" | "gateway" | "free_models";
  what: "requests" | "refusals" | "concurrent" | "free_requests";
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

/** What admit_request takes: the members of the composite type `admission`. */
export function admissionMembers(request: AdmissionRequest) {
  return {
    request_id: request.requestId,
    did: request.did,
    method: request.method,
    endpoint: request.endpoint,
    metered: request.metered,
    model: request.model,
    streaming: request.streaming,
    message_hash: request.replay?.hash ?? null,
    message_expires_at: request.replay?.expiresAt.toISOString() ?? null,
    token_issued_at: request.tokenIssuedAt?.toISOString() ?? null,
    owned_generations: request.ownedGenerations,
    shared_features: request.sharedFeatures.map(({ feature }) => feature),
    server_tools: request.serverTools.map(({ name }) => name),
    may_lack_key: true,
    idempotency_key: request.idempotency?.key ?? null,
    body_hash: request.idempotency?.bodyHash ?? null,
    models: request.models,
    runs_unnamed: request.runsUnnamed,
    free_model: request.freeModel,
    estimate: request.estimate,
    session: request.session,
    label: request.label,
  };
}

/** What admit_request returns; which members there are, the decision says. */
interface Answer {
  decision: Admission["decision"];
  encrypted_api_key: string | null;
  openrouter_key_hash: string | null;
  request_time: string;
  new_limit: LimitRow | null;
  rate?: RateRow;
  remaining_usd?: string;
  request_id: string;
  feature: string;
  model?: string;
  why?: string;
  scope: string;
  what: RateExceeded["what"];
  period: BudgetExceeded["period"];
  limit_usd: string;
  spent_usd: string;
  reserved_usd: string;
  estimate_usd: string;
  resets_at: string;
  alerted?: boolean;
}

/** @param told what admit_request returned */
export function admissionOf(told: unknown): Admission {
  const answer = told as Answer & RateRow;
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
        what: answer.what,
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
    default:
      return { decision };
  }
}

function accountKeyOf(answer: Answer): AccountKey | null {
  if (!answer.encrypted_api_key) return null;
  return {
    encryptedApiKey: answer.encrypted_api_key,
    hash: answer.openrouter_key_hash!,
    newLimit: answer.new_limit ? limitOf(answer.new_limit) : null,
  };
}
