/** The gateway's own errors as responses: the statuses are those of errors.ts. */
import { type ErrorType, STATUS } from "../errors.ts";
import { headers, RATE_HEADERS } from "./headers.ts";

/** When each error is answered; docs/protocol.md, "Errors of the gateway itself". */
const WHEN: Record<ErrorType, string> = {
  invalid_request: "malformed JSON, bad dates, an unknown parameter, an ambiguous path",
  missing_credentials: "nothing says who calls",
  invalid_did: "the DID, its key or its document is not usable",
  unsupported_did_method: "the DID's method is none that the gateway verifies",
  invalid_signature: "the signature is not the DID's; with signed_message or signature_base",
  expired_timestamp: "the timestamp is too old, or ahead; with server_time",
  invalid_token: "the token is refused or revoked",
  expired_token: "the token has expired",
  replayed_request: "the signed message was accepted before",
  budget_exceeded: "a budget does not hold the call; with its figures",
  access_denied: "the operator has shut the DID out, or takes no more new accounts today",
  model_not_allowed: "a model outside the DID's list",
  feature_not_allowed: "a member of the body reaches what is not open; with param",
  path_forbidden: "a path that no user key may reach",
  not_found: "no such route, or nothing of the caller's own",
  method_not_allowed: "the route has other methods",
  duplicate_request: "the same Idempotency-Key, path and body; with duplicate_of",
  request_too_large: "the body is too large",
  unsupported_media_type: "the body is compressed",
  rate_limited: "too many requests; with scope",
  internal_error: "a bug",
  misconfigured: "the operator's settings are not usable",
  not_configured: "the operator has not set up what the route needs",
  upstream_unreachable: "OpenRouter could not be reached, or broke off",
  provisioning_failed:
    "OpenRouter did not create the DID's key, or did not take its limit or its guardrail",
  store_unavailable: "Postgres cannot be asked; nothing was forwarded",
  provisioning_in_progress: "another request is creating the DID's key",
  overloaded: "the worker receives as many bodies as it can",
  did_unavailable: "the host of the DID's document cannot be asked",
  upstream_timeout: "OpenRouter sent no headers in time",
};

const AUTHENTICATION: ErrorType[] = [
  "missing_credentials",
  "invalid_did",
  "unsupported_did_method",
  "invalid_signature",
  "expired_timestamp",
  "invalid_token",
  "expired_token",
  "did_unavailable",
];
const BODY: ErrorType[] = ["request_too_large", "unsupported_media_type", "overloaded"];
/** Of everything: a path and a query that are not as they must be, a bug, settings that are missing. */
const ANYWHERE: ErrorType[] = [
  "invalid_request",
  "method_not_allowed",
  "internal_error",
  "misconfigured",
];

export const OF_HEALTH: ErrorType[] = [...ANYWHERE, "store_unavailable"];
export const OF_DOCUMENT = ANYWHERE;
export const OF_OPERATOR: ErrorType[] = [...ANYWHERE, "missing_credentials", "store_unavailable"];
export const OF_OWN_REPORT: ErrorType[] = [
  ...ANYWHERE,
  ...AUTHENTICATION,
  ...BODY,
  "rate_limited",
  "store_unavailable",
];
export const OF_OWN_REQUEST: ErrorType[] = [...OF_OWN_REPORT, "not_found"];
export const OF_TOKEN: ErrorType[] = [
  ...OF_OWN_REPORT,
  "replayed_request",
  "access_denied",
  "not_configured",
];
const TYPES = Object.keys(STATUS) as ErrorType[];
/** Of whatever is forwarded. */
export const OF_PROXY = TYPES.filter((type) => type !== "not_configured");

/**
 * Responses by status.
 *
 * @param isForwarded whether OpenRouter may have answered with the status, too
 */
export function errorResponses(types: readonly ErrorType[], isForwarded = false) {
  const asked = TYPES.filter((type) => types.includes(type));
  const statuses = [...new Set(asked.map((type) => STATUS[type]))];
  return Object.fromEntries(statuses.map((status) => {
    const ofStatus = asked.filter((type) => STATUS[type] === status);
    return [String(status), errorResponse(status, ofStatus, isForwarded)];
  }));
}

function errorResponse(status: number, types: ErrorType[], isForwarded: boolean) {
  const ours = {
    allOf: [{ $ref: "#/components/schemas/Error" }],
    properties: { error: { properties: { code: { const: status }, type: { enum: types } } } },
  };
  const theirs = { $ref: "#/components/schemas/OpenRouterError" };
  const when = types.map((type) => `\`${type}\`: ${WHEN[type]}.`);
  if (isForwarded) when.push("Or OpenRouter's own answer, as it came.");
  return {
    description: when.join("\n\n"),
    headers: headersOf(status),
    content: {
      "application/json": { schema: isForwarded ? { oneOf: [ours, theirs] } : ours },
      ...(isForwarded && { "*/*": { schema: {} } }),
    },
  };
}

function headersOf(status: number) {
  if (status === 401) return headers("www-authenticate", "x-should-retry");
  if (status === 405) return headers("allow", "x-should-retry");
  if (status === 403) return headers("retry-after", "x-should-retry");
  if (status === 429) return headers("retry-after", ...RATE_HEADERS);
  if (status === 503) return headers("retry-after");
  if (status === 504) return headers("x-should-retry");
  return status < 500 ? headers("x-should-retry") : headers();
}
