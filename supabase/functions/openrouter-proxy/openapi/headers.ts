/** The headers of answers: docs/protocol.md, "Errors", "Rates" and "Headers". */

const TEXT = { type: "string" };
const COUNT = { type: "integer", minimum: 0 };

export const HEADERS = {
  "x-request-id": {
    description:
      "The id of the row in the log where there is one, and of the log line. `request-id` has the same.",
    required: true,
    schema: { type: "string", format: "uuid" },
  },
  "www-authenticate": {
    description: "`DID`, where the gateway itself refuses.",
    schema: { const: "DID" },
  },
  allow: {
    description: "The methods of the route, where the gateway itself refuses.",
    schema: TEXT,
  },
  "retry-after": {
    description: "Seconds after which another try may pass.",
    schema: { type: "integer", minimum: 1 },
  },
  "x-should-retry": {
    description:
      "`false`: the same request is refused again, or still goes on. OpenAI's and Anthropic's SDKs obey it.",
    schema: { const: "false" },
  },
  "ratelimit-limit": {
    description: "Requests that are taken at once, and within each minute.",
    schema: COUNT,
  },
  "ratelimit-remaining": { description: "How many would be taken now.", schema: COUNT },
  "ratelimit-reset": {
    description: "Seconds until ratelimit-limit would be taken again.",
    schema: COUNT,
  },
  "x-budget-remaining-usd": {
    description: "What the tighter of the DID's budgets has left, a decimal number in US dollars.",
    schema: { type: "string", pattern: "^-?[0-9]+(\\.[0-9]+)?$" },
  },
  "server-timing": {
    description: "Milliseconds of the stages auth, admit and upstream.",
    schema: TEXT,
  },
};

type HeaderName = keyof typeof HEADERS;

/** References to these headers, and to x-request-id, which every answer has. */
export function headers(...names: HeaderName[]) {
  return Object.fromEntries(
    (["x-request-id", ...names] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${name}` },
    ]),
  );
}

export const RATE_HEADERS: HeaderName[] = [
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
];
