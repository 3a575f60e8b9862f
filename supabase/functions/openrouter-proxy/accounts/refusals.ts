/** Why a DID's request is not admitted, as the client is told. */
import { decimalNumber } from "../bytes/decimal.ts";
import { GatewayError } from "../errors.ts";
import { inSeconds, rateLimited } from "../http/rate_limited.ts";
import type { ProvisioningClaim } from "../store/key_provisioning.ts";
import type { AdmissionRequest } from "../store/admission.ts";
import type { Admission, BudgetExceeded, RateExceeded } from "../store/admission_decision.ts";

/** What reaches the same end without what others have. */
const INSTEAD_OF: Record<string, string> = {
  container: ', or let one be made anew: {"type":"auto"} (leave out code_interpreter_call items)',
  file: ", or put the file into it: as data, or by a URL",
  preset: ", and name a model",
  vector_store: ", or put the texts into it",
};

/** The error for an admission that was refused. */
export function refusalOf(
  admission: Exclude<Admission, { decision: "admitted" }>,
  request: AdmissionRequest,
): GatewayError {
  switch (admission.decision) {
    case "access_denied":
      return admission.why === "not_allowed" ? notAllowed() : accessDenied();
    case "token_revoked":
      return new TokenRevoked();
    case "model_not_allowed":
      return modelNotAllowed(admission);
    case "feature_not_allowed":
      return featureNotAllowed(admission.feature, request);
    case "not_owned":
      return new GatewayError(
        "not_found",
        "your log holds no generation or job with this id (exactly one is needed)",
      );
    case "rate_limited":
      return rateExceeded(admission);
    case "budget_exceeded":
      return budgetExceeded(admission, request);
    case "duplicate":
      return new GatewayError(
        "duplicate_request",
        "a request with this Idempotency-Key, path and body was accepted before",
        { details: { duplicate_of: admission.duplicateOf } },
      );
    case "replayed":
      return new GatewayError(
        "replayed_request",
        "this signed message was accepted before: sign each request anew, with a fresh nonce",
      );
    case "needs_provisioning":
      return new GatewayError(
        "provisioning_in_progress",
        "this DID's account was removed while the request was served; try again",
        { headers: { "retry-after": "1" } },
      );
  }
}

/** The refusal of a DID whose account the operator has disabled. */
export function accessDenied(): GatewayError {
  return new GatewayError("access_denied", "this DID has been disabled by the operator");
}

/**
 * The refusal of a token that was issued before did_policies.tokens_valid_after, which `revoke_tokens`
 * sets a minute ahead.
 */
export class TokenRevoked extends GatewayError {
  constructor() {
    super(
      "invalid_token",
      "this token has been revoked: make a new one, a minute after the revocation at the earliest",
    );
  }
}

/** The refusal of a DID for whose first key there is no room. */
export function noNewAccounts(
  claim: Extract<ProvisioningClaim, { state: "no_room" }>,
): GatewayError {
  if (claim.why === "minute") {
    return rateLimited({
      ...inSeconds(claim),
      scope: "gateway",
      retryAfterSeconds: claim.retryAfterMs / 1000,
      message: `this gateway makes ${claim.limit} new accounts a minute at most: try again shortly`,
    });
  }
  if (claim.why === "none") {
    return new GatewayError(
      "access_denied",
      "this gateway takes no new accounts: ask its operator",
    );
  }
  const retryAfter = Math.max(1, Math.ceil(claim.retryAfterMs / 1000));
  return new GatewayError(
    "access_denied",
    "this gateway takes no more new accounts today: try again tomorrow (UTC), or ask its operator",
    { headers: { "retry-after": String(retryAfter) } },
  );
}

function notAllowed(): GatewayError {
  return new GatewayError(
    "access_denied",
    "this gateway serves only the DIDs that its operator has allowed, and this is not one of them",
  );
}

function modelNotAllowed({ model, why }: { model: string | null; why: string | null }) {
  return model === null
    ? new GatewayError(
      "model_not_allowed",
      `${why}, so that what runs is not known, and this DID may use certain models only ` +
        "(GET /api/v1/limits lists them): name one of them",
    )
    : new GatewayError(
      "model_not_allowed",
      `${model} is none of the models that this DID may use; GET /api/v1/limits lists them`,
      { details: { param: "model", model } },
    );
}

function featureNotAllowed(
  feature: string,
  { sharedFeatures, serverTools }: AdmissionRequest,
): GatewayError {
  const shared = sharedFeatures.find((asked) => asked.feature === feature);
  if (shared !== undefined) {
    return new GatewayError(
      "feature_not_allowed",
      `${feature} reaches what the DIDs of this gateway share, and its operator has not opened it: ` +
        `send the request without it${INSTEAD_OF[feature] ?? ""}`,
      { details: { param: shared.param } },
    );
  }
  const tool = serverTools.find(({ name }) => name === feature);
  return new GatewayError(
    "feature_not_allowed",
    `${feature} is run, and billed, by OpenRouter or a provider, and this gateway's operator has not ` +
      "opened it: send the request without it",
    { details: { param: tool?.param } },
  );
}

/** Completes "this DID has" or "this gateway has". */
const WHAT_RATE: Record<RateExceeded["what"], string> = {
  requests: "used up its requests a minute",
  refusals: "sent too many requests that OpenRouter refused as mistakes",
  concurrent: "as many requests under way as it may have at a time",
  free_requests: "used up its share of requests to free models",
  all_free_requests: "used up the requests to free models of all its DIDs together",
};

function rateExceeded(rate: RateExceeded): GatewayError {
  const { scope, what, limit, retryAfterMs } = rate;
  const isGateways = scope === "gateway" || what === "all_free_requests";
  const who = isGateways ? "this gateway" : "this DID";
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  // Of free models alone there may be none.
  const message = limit === 0
    ? `${who} may send no requests to free models: ask the gateway's operator`
    : `${who} has ${WHAT_RATE[what]} (${limit}): try again in ${retryAfterSeconds} s`;
  return rateLimited({
    ...inSeconds(rate),
    scope,
    retryAfterSeconds,
    message,
  });
}

function budgetExceeded(
  refusal: BudgetExceeded,
  { outputBound, hasLongMedia }: AdmissionRequest,
): GatewayError {
  const { scope, period, limitUsd, spentUsd, reservedUsd, estimateUsd, resetsAt } = refusal;
  const whose = scope === "did" ? "this DID's" : "this gateway's";
  const fitsAtTimes = Number(estimateUsd) <= Number(limitUsd);
  const ways = [
    ...outputBound === null ? [] : [`bound its output (${outputBound})`],
    ...hasLongMedia
      ? ["send its images within it, as data (other media count as a model's whole context)"]
      : [],
    ...fitsAtTimes && Number(reservedUsd) > 0 ? ["try again once calls under way have ended"] : [],
    fitsAtTimes ? `wait until ${resetsAt}` : "ask the gateway's operator for a larger budget",
  ];
  return new GatewayError(
    "budget_exceeded",
    `the request may cost $${estimateUsd}, and ${whose} ${
      period === "day" ? "daily" : "monthly"
    } ` +
      `budget of $${limitUsd} has $${spentUsd} spent and $${reservedUsd} reserved: ` +
      ways.join(", or "),
    {
      details: {
        scope,
        period,
        limit_usd: decimalNumber(limitUsd),
        spent_usd: decimalNumber(spentUsd),
        reserved_usd: decimalNumber(reservedUsd),
        estimate_usd: decimalNumber(estimateUsd),
        resets_at: resetsAt,
      },
    },
  );
}
