/**
 * The gateway's own errors: a closed set, and the one place that turns them into responses.
 *
 * Source: protocol.md, "Errors of the gateway itself".
 */

/** Every error type that the gateway answers with, and its HTTP status. */
export const STATUS = {
  invalid_request: 400,
  missing_credentials: 401,
  invalid_did: 401,
  unsupported_did_method: 401,
  invalid_signature: 401,
  expired_timestamp: 401,
  invalid_token: 401,
  expired_token: 401,
  replayed_request: 401,
  budget_exceeded: 402,
  access_denied: 403,
  model_not_allowed: 403,
  feature_not_allowed: 403,
  path_forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  duplicate_request: 409,
  request_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal_error: 500,
  misconfigured: 500,
  not_configured: 501,
  upstream_unreachable: 502,
  provisioning_failed: 502,
  store_unavailable: 503,
  provisioning_in_progress: 503,
  overloaded: 503,
  did_unavailable: 503,
  upstream_timeout: 504,
} as const;

export type ErrorType = keyof typeof STATUS;

/** An expected refusal. `message` reaches the client: it never holds a secret. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly status: number;

  /** Further members of the error object, e.g. `server_time`. */
  readonly details: Record<string, unknown>;
  /** Further response headers, e.g. `retry-after`. */
  readonly headers: Record<string, string>;

  constructor(
    readonly type: ErrorType,
    message: string,
    { details = {}, headers = {}, ...options }: {
      details?: Record<string, unknown>;
      headers?: Record<string, string>;
      cause?: unknown;
    } = {},
  ) {
    super(message, options);
    this.status = STATUS[type];
    this.details = details;
    this.headers = headers;
  }
}

/** The client went away; nobody reads the response that is made of this. */
export class ClientDisconnected extends Error {
  override readonly name = "ClientDisconnected";
}

/**
 * Shapes any thrown value as the response that the client gets; what is no GatewayError is a bug.
 *
 * OpenAI's SDKs read `error.message`, `error.type` and `error.code`; Anthropic's need the outer `type`.
 * Both send a 409 again by themselves, and Claude Code even a 401: `x-should-retry` stops them.
 */
export function errorResponse(error: unknown, requestId: string): Response {
  const known = error instanceof GatewayError ? error : new GatewayError(
    "internal_error",
    "the gateway failed; the request id finds the cause in its log",
  );
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...known.headers,
  };
  if (known.status === 401) headers["www-authenticate"] = "DID";
  // Below 500, only one call too many may pass when it is sent again.
  if (known.status < 500 && known.status !== 429) headers["x-should-retry"] = "false";
  const body = {
    success: false,
    type: "error",
    error: {
      code: known.status,
      type: known.type,
      message: known.message,
      request_id: requestId,
      ...known.details,
    },
  };
  return new Response(JSON.stringify(body), { status: known.status, headers });
}

/**
 * What a line of the log says of an error. A failure of the gateway's or of what it depends on comes
 * with its cause; a refusal does not, because its cause may quote what the client sent.
 */
export function describeError(error: Error, withCause: boolean): { error: string; cause?: string } {
  const description = error instanceof GatewayError
    ? `${error.type}: ${error.message}`
    : error.name;
  if (!withCause) return { error: description };
  const cause = error instanceof GatewayError ? error.cause : error.stack ?? error.message;
  if (cause === undefined) return { error: description };
  // fetch's errors quote the whole URL, whose query may hold anything.
  const text = String(cause).replaceAll(/\?[^\s)"']*/g, "?…").replaceAll(/sk-or-v1-\w*/g, "[key]");
  return { error: description, cause: text };
}
