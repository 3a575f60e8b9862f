/** The gateway's own routes: docs/protocol.md, "Routes". */
import { DEFAULT_BUDGET_S, LONGEST_BUDGET_S } from "../books/maintenance/route.ts";
import type { ErrorType } from "../errors.ts";
import { ORIGIN_PARAMETERS } from "../usage/parameters.ts";
import { DEFAULT_LIMIT, MAX_LIMIT } from "../usage/requests_route.ts";
import { GROUPS } from "../usage/usage_report.ts";
import {
  errorResponses,
  OF_DOCUMENT,
  OF_HEALTH,
  OF_OPERATOR,
  OF_OWN_REPORT,
  OF_OWN_REQUEST,
  OF_TOKEN,
} from "./error_responses.ts";
import { headers, RATE_HEADERS } from "./headers.ts";
import { BY_DID, BY_OPERATOR } from "./security.ts";
import type { SCHEMAS } from "./schemas.ts";

interface OwnOperation {
  operationId: string;
  tag: string;
  summary: string;
  security: unknown[];
  parameters?: unknown[];
  /** The schema of the member `data` of a 200. */
  data: keyof typeof SCHEMAS;
  errors: readonly ErrorType[];
}

const NOBODY: unknown[] = [];

const parameter = (name: string, description: string, schema: unknown) => ({
  name,
  in: "query",
  description,
  schema,
});

function operation(
  { operationId, tag, summary, security, parameters, data, errors }: OwnOperation,
) {
  return {
    operationId,
    tags: [tag],
    summary,
    security,
    ...(parameters && { parameters }),
    responses: {
      "200": {
        description: "As asked.",
        headers: security === BY_DID ? headers(...RATE_HEADERS) : headers(),
        content: { "application/json": { schema: success(data) } },
      },
      ...errorResponses(errors),
    },
  };
}

function success(data: keyof typeof SCHEMAS) {
  return {
    type: "object",
    properties: { success: { const: true }, data: { $ref: `#/components/schemas/${data}` } },
    required: ["success", "data"],
    additionalProperties: false,
  };
}

function health(operationId: string) {
  return operation({
    operationId,
    tag: "operation",
    summary: "Health",
    security: NOBODY,
    parameters: [
      parameter("deep", "`1`: ask the database and OpenRouter, too.", { type: "string" }),
    ],
    data: "Health",
    errors: OF_HEALTH,
  });
}

/** What chooses requests by what they belong to. */
const BY_ORIGIN = ORIGIN_PARAMETERS.map((name) =>
  parameter(name, `Only requests that belong to this ${name}.`, { type: "string", minLength: 1 })
);
const GROUP = `(${GROUPS.join("|")})`;

export const OWN_PATHS = {
  "/": { get: health("healthAtRoot") },
  "/api/v1/health": { get: health("health") },
  "/api/v1/usage": {
    get: operation({
      operationId: "usage",
      tag: "account",
      summary: "The caller's statistics",
      security: BY_DID,
      parameters: [
        parameter("start_date", "A date in UTC, or an RFC 3339 instant.", { type: "string" }),
        parameter("end_date", "The same; a date counts whole.", { type: "string" }),
        parameter("group_by", "What to group by, separated by commas.", {
          type: "string",
          pattern: `^(${GROUP}(,${GROUP})*)?$`,
        }),
        ...BY_ORIGIN,
      ],
      data: "Usage",
      errors: OF_OWN_REPORT,
    }),
  },
  "/api/v1/usage/requests": {
    get: operation({
      operationId: "usageRequests",
      tag: "account",
      summary: "The caller's own requests, newest first",
      security: BY_DID,
      parameters: [
        parameter("limit", "How many at most.", {
          type: "integer",
          minimum: 1,
          maximum: MAX_LIMIT,
          default: DEFAULT_LIMIT,
        }),
        parameter("cursor", "next_cursor of the answer before.", { type: "string" }),
        ...BY_ORIGIN,
      ],
      data: "LoggedRequests",
      errors: OF_OWN_REPORT,
    }),
  },
  "/api/v1/usage/requests/{id}": {
    get: operation({
      operationId: "usageRequest",
      tag: "account",
      summary: "One of the caller's own requests",
      security: BY_DID,
      parameters: [{
        name: "id",
        in: "path",
        required: true,
        description: "The x-request-id of its answer.",
        schema: { type: "string", format: "uuid" },
      }],
      data: "LoggedRequest",
      errors: OF_OWN_REQUEST,
    }),
  },
  "/api/v1/limits": {
    get: operation({
      operationId: "limits",
      tag: "account",
      summary: "The caller's budgets and rates",
      security: BY_DID,
      data: "Limits",
      errors: OF_OWN_REPORT,
    }),
  },
  "/api/v1/token": {
    post: operation({
      operationId: "token",
      tag: "account",
      summary: "A Supabase JWT for an hour, which reads the caller's own rows in the Data API",
      security: BY_DID,
      data: "SupabaseToken",
      errors: OF_TOKEN,
    }),
  },
  "/api/v1/maintenance": {
    post: operation({
      operationId: "maintenance",
      tag: "operation",
      summary: "Finds costs, ends lost requests, compares the books with OpenRouter's",
      security: BY_OPERATOR,
      parameters: [
        parameter("budget_seconds", "How long it may take.", {
          type: "integer",
          minimum: 1,
          maximum: LONGEST_BUDGET_S,
          default: DEFAULT_BUDGET_S,
        }),
      ],
      data: "Maintenance",
      errors: OF_OPERATOR,
    }),
  },
  "/api/v1/encryption-keys": {
    get: operation({
      operationId: "encryptionKeys",
      tag: "operation",
      summary: "The ids of the encryption keys that the gateway has",
      security: BY_OPERATOR,
      data: "EncryptionKeys",
      errors: OF_OPERATOR,
    }),
  },
  "/api/v1/openapi.json": {
    get: {
      operationId: "openapi",
      tags: ["operation"],
      summary: "This document",
      security: NOBODY,
      responses: {
        "200": {
          description: "OpenAPI 3.1.",
          headers: headers(),
          content: { "application/json": { schema: { type: "object" } } },
        },
        ...errorResponses(OF_DOCUMENT),
      },
    },
  },
};
