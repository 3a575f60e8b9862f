/**
 * OpenRouter's errors: statuses, messages and shapes.
 *
 * Source: openrouter.md, "Errors".
 */
import { type Answer, json } from "./answer.ts";
import { USER_ID } from "./identifiers.ts";

const MESSAGES: Record<number, string> = {
  400: "Bad request",
  401: "User not found.",
  402:
    "This request requires more credits, or fewer max_tokens. You requested up to 16384 tokens," +
    " but can only afford 12. To increase, visit https://openrouter.ai/settings/credits and" +
    " upgrade to a paid account",
  403: "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
  404: "Not found",
  408: "Request timed out",
  413: "Payload too large",
  422: "Unprocessable entity",
  429: "Rate limit exceeded",
  500: "Internal Server Error",
  502: "Provider returned error",
  503: "No available model provider that meets your routing requirements",
  524: "A timeout occurred",
  529: "Provider overloaded",
};

const ANTHROPIC_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

/** An error answer of OpenRouter. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    message: string,
    readonly metadata: Record<string, unknown> | undefined,
    readonly headers: Record<string, string>,
  ) {
    super(message);
  }
}

/** The error with one more member in its metadata. */
export function withMetadata(error: ApiError, more: Record<string, unknown>): ApiError {
  const { status, message, metadata, headers } = error;
  return new ApiError(status, message, { ...metadata, ...more }, headers);
}

/** Makes an error; the message defaults to OpenRouter's for that status. */
export function apiError(
  status: number,
  message = MESSAGES[status] ?? "Provider returned error",
  metadata?: Record<string, unknown>,
  headers: Record<string, string> = {},
): ApiError {
  return new ApiError(status, message, metadata, headers);
}

/** The error that the fault `status` answers with. */
export function errorOfStatus(status: number, retryAfterS: number | undefined): ApiError {
  const headers: Record<string, string> = {};
  if (status === 429) {
    headers["X-RateLimit-Limit"] = "20";
    headers["X-RateLimit-Remaining"] = "0";
    headers["X-RateLimit-Reset"] = String(Date.now() + (retryAfterS ?? 60) * 1000);
  }
  if (retryAfterS !== undefined) headers["Retry-After"] = String(retryAfterS);
  const metadata = status === 402
    ? { limit_source: "openrouter_credits", remedy_hint: "Add credits, or lower max_tokens" }
    : undefined;
  return apiError(status, undefined, metadata, headers);
}

/** A 429 that the provider, not OpenRouter, gave. */
export function providerRateLimit(retryAfterS: number | undefined): ApiError {
  const metadata = {
    raw: "the model is temporarily rate-limited upstream",
    provider_name: "Liquid",
    retry_after_seconds: retryAfterS ?? 1,
    limit_source: "upstream_provider_shared_pool",
  };
  const headers: Record<string, string> = retryAfterS === undefined
    ? {}
    : { "Retry-After": String(retryAfterS) };
  return apiError(429, "Provider returned error", metadata, headers);
}

/** The type that `/messages` gives an error of this status. */
export function anthropicType(status: number): string {
  return ANTHROPIC_TYPES[status] ?? "api_error";
}

/** `error_type`: what went wrong on the way to the provider. */
export function errorType(code: number | string): string {
  return typeof code === "string" ? code : code === 429 ? "rate_limit_exceeded" : "provider_error";
}

/** Shapes an error as the route's clients expect it: each kind of route has its `error_type`. */
export function errorAnswer(error: ApiError, route: string): Answer {
  const { status, message, metadata, headers } = error;
  const type = status === 429 || status >= 500 ? { error_type: errorType(status) } : {};
  const isMessages = route === "/messages";
  const isResponses = route === "/responses";
  const details = { ...(isMessages || isResponses ? {} : type), ...metadata };
  const rest = Object.keys(details).length === 0 ? {} : { metadata: details };
  const body = isMessages
    ? {
      type: "error",
      error: { type: anthropicType(status), message, ...type, ...rest },
      request_id: null,
    }
    : {
      error: { message, code: status, ...rest },
      ...(isResponses ? type : {}),
      ...(status === 401 ? {} : { user_id: USER_ID }),
    };
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** The answer to a path that there is not. */
export function notFound(): Answer {
  return json({ error: { message: "Not Found", code: 404 } }, {}, 404);
}

/** The answer to a path that there is, but not for this method. */
export function methodNotAllowed(allowed: string[]): Answer {
  const body = { error: { message: "Method Not Allowed", code: 405 } };
  return json(body, { Allow: allowed.join(", ") }, 405);
}

/** The page of a proxy in front of OpenRouter. */
export function htmlAnswer(status: number): Answer {
  return {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8" },
    body: `<!DOCTYPE html><html><head><title>${status}</title></head><body><h1>${status}</h1>` +
      "</body></html>",
  };
}
