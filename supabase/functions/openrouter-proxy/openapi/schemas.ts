/** What the gateway's own answers hold: docs/protocol.md, "Routes" and "Errors". */
import { STATUS } from "../errors.ts";

const TEXT = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };
const USD = { type: "number", minimum: 0, description: "US dollars, with all their digits." };
const INSTANT = { type: "string", format: "date-time" };
const UUID = { type: "string", format: "uuid" };
const DID = { type: "string", pattern: "^did:" };
const KEY_ID = { type: "string", pattern: "^[0-9a-f]{16}$" };
const BOOLEAN = { type: "boolean" };

/** The same, or null. */
function orNull<T extends { type: string }>(schema: T) {
  return { ...schema, type: [schema.type, "null"] };
}

/** An object that has these members, all of them and no others, unless they are listed as optional. */
function object(properties: Record<string, unknown>, optional: string[] = []) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

function list(items: unknown) {
  return { type: "array", items };
}

const TOTALS = {
  requests_without_cost: { ...COUNT, description: "Their cost is not known, or not yet." },
};

const GROUP = {
  ...object({
    day: { type: "string", format: "date" },
    hour: INSTANT,
    model: TEXT,
    endpoint: TEXT,
    session: orNull(TEXT),
    label: orNull(TEXT),
    requests: COUNT,
    failed_requests: COUNT,
    ...TOTALS,
    input_tokens: COUNT,
    output_tokens: COUNT,
    cost: USD,
  }, ["day", "hour", "model", "endpoint", "session", "label"]),
  description: "Sums of one group. It has a member for each name in group_by.",
};

const USAGE = object({
  did: DID,
  start_date: { ...orNull(TEXT), description: "As it was asked for; null: from the beginning." },
  end_date: { ...orNull(TEXT), description: "As it was asked for; null: until now." },
  total_requests: COUNT,
  successful_requests: COUNT,
  failed_requests: COUNT,
  ...TOTALS,
  total_input_tokens: COUNT,
  total_output_tokens: COUNT,
  total_cached_tokens: { ...COUNT, description: "Part of total_input_tokens." },
  total_reasoning_tokens: { ...COUNT, description: "Part of total_output_tokens." },
  total_cost: USD,
  requests_by_model: { type: "object", additionalProperties: COUNT },
  groups: list({ $ref: "#/components/schemas/UsageGroup" }),
  truncated: {
    const: true,
    description: "There are more models or groups than are told: the others are one, `other`.",
  },
  partial_before: {
    ...INSTANT,
    description: "What lies before it cannot be grouped like this, and is left out.",
  },
}, ["truncated", "partial_before"]);

const LOGGED_REQUEST = object({
  id: { ...UUID, description: "The x-request-id of its answer." },
  request_time: INSTANT,
  response_time: orNull(INSTANT),
  status: { enum: ["pending", "completed", "failed"] },
  model: orNull(TEXT),
  provider: orNull(TEXT),
  endpoint: TEXT,
  streaming: BOOLEAN,
  http_status: orNull({ type: "integer" }),
  input_tokens: orNull(COUNT),
  output_tokens: orNull(COUNT),
  cached_tokens: orNull(COUNT),
  reasoning_tokens: orNull(COUNT),
  cost: { ...orNull(USD), description: "US dollars; null: not known, or not yet." },
  cost_source: { enum: ["response", "generation", "reconciliation", null] },
  generation_id: orNull(TEXT),
  session: orNull(TEXT),
  label: orNull(TEXT),
  error_message: orNull(TEXT),
});

const LIMITS = object({
  did: DID,
  access: { enum: ["allowed", "not_allowed", "blocked"] },
  budgets: list(object({
    scope: { enum: ["did", "gateway"] },
    period: { enum: ["day", "month"] },
    limit_usd: orNull(USD),
    spent_usd: orNull(USD),
    reserved_usd: orNull(USD),
    remaining_usd: orNull(USD),
    resets_at: INSTANT,
    alerts: list(object({ threshold: { enum: [50, 80, 100] }, reached_at: INSTANT })),
  })),
  rates: list(object({
    scope: { enum: ["did", "gateway"] },
    requests_per_minute: COUNT,
    remaining: COUNT,
    resets_at: INSTANT,
  })),
  concurrent_requests: orNull(COUNT),
  free_models_per_day: orNull(COUNT),
  allowed_models: {
    ...orNull(list(TEXT)),
    description: "`vendor/*` stands for all of a vendor's.",
  },
  upstream_limit_usd: orNull(USD),
});

const MAINTENANCE = object({
  ran: { ...BOOLEAN, description: "False: another run is at it." },
  ms: COUNT,
  jobs: {
    type: "object",
    additionalProperties: object({
      done: COUNT,
      left: { ...orNull(COUNT), description: "Null: not known." },
      details: { type: "object", additionalProperties: COUNT },
      ms: COUNT,
      stopped: {
        enum: ["out_of_time", "enough_for_one_run", "openrouter_is_busy", "openrouter_is_down"],
      },
      failed: { ...TEXT, description: "What broke it off; beside `done`: what it passed over." },
    }, ["done", "left", "details", "stopped", "failed"]),
  },
  drifts: list(object({
    did: DID,
    drift_usd: { ...TEXT, description: "A decimal number; positive: not booked." },
    byok_drift_usd: orNull(TEXT),
    stands_since: INSTANT,
  })),
});

const ERROR = object({
  success: { const: false },
  type: { const: "error" },
  error: object({
    code: { type: "integer", description: "The HTTP status." },
    type: { enum: Object.keys(STATUS) },
    message: TEXT,
    request_id: UUID,
    param: { ...TEXT, description: "The parameter or member that is refused." },
    server_time: { type: "integer", description: "Unix time in seconds." },
    signed_message: { ...TEXT, description: "What the gateway verified the signature over." },
    signature_base: { ...TEXT, description: "The same, of an HTTP message signature." },
    model: TEXT,
    duplicate_of: { ...UUID, description: "The x-request-id of the request before." },
    scope: { enum: ["did", "gateway", "free_models"] },
    period: { enum: ["day", "month"] },
    limit_usd: USD,
    spent_usd: USD,
    reserved_usd: USD,
    estimate_usd: USD,
    resets_at: INSTANT,
  }, [
    "param",
    "server_time",
    "signed_message",
    "signature_base",
    "model",
    "duplicate_of",
    "scope",
    "period",
    "limit_usd",
    "spent_usd",
    "reserved_usd",
    "estimate_usd",
    "resets_at",
  ]),
});

const HEALTH = object({
  status: {
    enum: ["healthy", "degraded"],
    description: "Degraded: OpenRouter refuses the management key, so that new DIDs get no key.",
  },
  version: TEXT,
  timestamp: INSTANT,
  region: { ...orNull(TEXT), description: "Where the platform runs the function; with deep=1." },
  database_ms: {
    type: "number",
    minimum: 0,
    description: "A round trip from the function to the database; with deep=1.",
  },
  management_key: {
    enum: ["accepted", "refused", "unknown"],
    description: "What OpenRouter says of it, a minute old at most; with deep=1.",
  },
}, ["region", "database_ms", "management_key"]);

export const SCHEMAS = {
  Health: HEALTH,
  Usage: USAGE,
  UsageGroup: GROUP,
  LoggedRequest: LOGGED_REQUEST,
  LoggedRequests: object({
    requests: list({ $ref: "#/components/schemas/LoggedRequest" }),
    next_cursor: { ...orNull(TEXT), description: "Null: the end." },
  }),
  Limits: LIMITS,
  SupabaseToken: object({
    token: { ...TEXT, description: "A JWT, for the Data API." },
    expires_at: INSTANT,
  }),
  Maintenance: MAINTENANCE,
  EncryptionKeys: object({
    current: { ...KEY_ID, description: "Of API_KEY_ENCRYPTION_KEY, which seals." },
    previous: { ...orNull(KEY_ID), description: "Of API_KEY_ENCRYPTION_KEY_PREVIOUS." },
  }),
  Error: ERROR,
  OpenRouterError: {
    type: "object",
    description: "As OpenRouter made it, less the operator's identifiers.",
    // Some of them say `success`, too; only the gateway's own have the id of its log line.
    properties: { error: { not: { type: "object", required: ["request_id"] } } },
  },
};
