/** OpenRouter's API as far as it is open: the tables of policy/ name the paths. */
import { MAX_IDEMPOTENCY_KEY_LENGTH } from "../call/idempotency.ts";
import { MAX_ORIGIN_LENGTH } from "../call/origin.ts";
import { CALLS } from "../policy/calls.ts";
import { FREE_POSTS, READS } from "../policy/endpoints.ts";
import { PROXY_PREFIX } from "../policy/paths.ts";
import { errorResponses, OF_PROXY } from "./error_responses.ts";
import { headers, RATE_HEADERS } from "./headers.ts";
import { BY_DID } from "./security.ts";

const BELOW = "More of them may follow, separated by slashes.";
const ONE_OWN = "Only the caller's own; any other is 404 `not_found`.";
const OF_ORIGIN = { maxLength: MAX_ORIGIN_LENGTH };
const CALL_PARAMETERS = [
  header(
    "idempotency-key",
    "The same key, path and body within a day is 409 `duplicate_request`.",
    {
      minLength: 1,
      maxLength: MAX_IDEMPOTENCY_KEY_LENGTH,
    },
  ),
  header("x-session-id", "What to book it under; `session_id` of the body wins.", OF_ORIGIN),
  header("x-label", "What to book it under.", OF_ORIGIN),
];

function header(name: string, description: string, bounds: Record<string, number>) {
  return { name, in: "header", description, schema: { type: "string", ...bounds } };
}

function pathParameter(name: string, description: string) {
  return { name, in: "path", required: true, description, schema: { type: "string" } };
}

/** As OpenRouter describes it; the gateway reads it and adds to it, and changes nothing. */
function body(path: string) {
  const json = { "application/json": { schema: { type: "object" } } };
  const content = path === "/audio/transcriptions"
    ? { ...json, "multipart/form-data": { schema: { type: "object" } } }
    : json;
  return { required: true, description: "As OpenRouter takes it.", content };
}

function proxied(
  method: string,
  path: string,
  { summary, parameters = [], hasBody = false }: {
    summary: string;
    parameters?: unknown[];
    hasBody?: boolean;
  },
) {
  const anything = { schema: {} };
  return {
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}`.replace(/_$/, ""),
    tags: ["openrouter"],
    summary,
    security: BY_DID,
    ...(parameters.length > 0 && { parameters }),
    ...(hasBody && { requestBody: body(path) }),
    responses: {
      "2XX": {
        description: "OpenRouter's answer, as it came.",
        headers: headers("server-timing", "x-budget-remaining-usd", ...RATE_HEADERS),
        content: {
          "application/json": anything,
          ...(hasBody && { "text/event-stream": { schema: { type: "string" } } }),
          "*/*": anything,
        },
      },
      ...errorResponses(OF_PROXY, true),
      "4XX": passed("OpenRouter's refusal, as it came."),
      "5XX": passed("OpenRouter's failure, as it came."),
    },
  };
}

function passed(description: string) {
  return {
    description,
    headers: headers("retry-after"),
    content: {
      "application/json": { schema: { $ref: "#/components/schemas/OpenRouterError" } },
      "*/*": { schema: {} },
    },
  };
}

function read(path: string) {
  if (!path.endsWith("/*")) {
    return [path, { get: proxied("get", path, { summary: `Reads ${path}` }) }] as const;
  }
  const template = path.replace("*", "{path}");
  const parameters = [pathParameter("path", BELOW)];
  const summary = `Reads what is below ${path.slice(0, -2)}`;
  return [template, { get: proxied("get", template, { summary, parameters }) }] as const;
}

const OWNED = {
  "/generation": {
    get: proxied("get", "/generation", {
      summary: "What OpenRouter knows of one of the caller's generations",
      parameters: [{
        name: "id",
        in: "query",
        required: true,
        description: ONE_OWN,
        schema: { type: "string" },
      }],
    }),
  },
  "/videos/{id}": {
    get: proxied("get", "/videos/{id}", {
      summary: "How far one of the caller's videos is",
      parameters: [pathParameter("id", ONE_OWN)],
    }),
  },
  "/videos/{id}/content": {
    get: proxied("get", "/videos/{id}/content", {
      summary: "One of the caller's videos",
      parameters: [pathParameter("id", ONE_OWN)],
    }),
  },
};

const ANY_METHOD = ["get", "head", "post", "put", "patch", "delete"];

/** Whatever the operator has opened besides, and all of it with `/v1` before it. */
function anythingElse() {
  const path = "/{path}";
  return Object.fromEntries(ANY_METHOD.map((method) => [
    method,
    proxied(method, path, {
      summary:
        `${method.toUpperCase()} what the operator has opened besides; \`/v1\` may stand before any path`,
      parameters: [pathParameter("path", BELOW)],
    }),
  ]));
}

type Item = Record<string, ReturnType<typeof proxied>>;

/** Path items by path. */
export function proxiedPaths(): Record<string, Item> {
  const items: Record<string, Item> = {};
  function add(path: string, item: Item) {
    items[PROXY_PREFIX + path] = { ...items[PROXY_PREFIX + path], ...item };
  }
  for (const path of [...Object.keys(CALLS), ...Object.keys(FREE_POSTS)]) {
    const isFree = path in FREE_POSTS;
    const post = proxied("post", path, {
      summary: isFree ? `Posts to ${path}, for nothing` : `Calls ${path}, and books what it costs`,
      parameters: isFree ? [] : CALL_PARAMETERS,
      hasBody: true,
    });
    add(path, { post });
  }
  for (const path of Object.keys(READS)) add(...read(path));
  for (const [path, item] of Object.entries(OWNED)) add(path, item);
  add("/{path}", anythingElse());
  return items;
}
