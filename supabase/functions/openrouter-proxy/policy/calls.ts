/**
 * The calls that cost: what of each has to be read, added, booked and estimated.
 *
 * Source: docs/protocol.md, "Paths"; docs/openrouter.md, "Where usage sits, by endpoint".
 */

/** Where a DID's pseudonym goes in the body of a call, where the client names nobody. */
export type PseudonymMember = "user" | "safety_identifier" | "metadata.user_id";

/**
 * `tokens` in and out; `prompt`: those that go in; `images`: tokens for each image; `job`: what a video
 * costs, which no list of prices tells; `other`: what none tells either, as seconds and characters.
 */
export type Charges = "tokens" | "prompt" | "images" | "job" | "other";

/** The members of a body that bound how many tokens come out. */
export const OUTPUT_BOUNDS = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;
export type OutputBound = typeof OUTPUT_BOUNDS[number];
/** A member of a body that bounds what it costs. */
export type BoundingMember = OutputBound | "max_tool_calls";

/** A request that costs, and gets a row in request_logs before it is forwarded. */
export interface CallEndpoint {
  kind: "call";
  /** `json`: the body must be a JSON object; `any`: it is read as one where it is one. */
  body: "json" | "any";
  /** Whether `usage: {include: true}` is added to the body. */
  addsUsage: boolean;
  pseudonym: PseudonymMember | null;
  /** Whether the call only begins a job, which the answer's own id names and which costs later. */
  beginsJob: boolean;
  /** What its price is made of. */
  charges: Charges;
  /** The members that it has: OpenRouter passes over those of another API. */
  boundedBy: readonly BoundingMember[];
  /** The members that hold nothing but the client's own data, and images, whatever the names in it. */
  data: readonly string[];
  /** Whose a model is that is named without its author; null: OpenRouter knows none by such a name. */
  bareNamesOf: string | null;
  /**
   * What its row says in place of the path, which may be anybody's invention, and of which OpenRouter may
   * know nothing; null: the path, which is in the table.
   */
  bookedAs: string | null;
}

const CALL: CallEndpoint = {
  kind: "call",
  body: "json",
  addsUsage: false,
  pseudonym: null,
  beginsJob: false,
  charges: "tokens",
  boundedBy: ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls"],
  data: [],
  bareNamesOf: null,
  bookedAs: null,
};

/** By path. */
export const CALLS: Record<string, CallEndpoint> = {
  "/chat/completions": {
    ...CALL,
    addsUsage: true,
    pseudonym: "user",
    boundedBy: ["max_tokens", "max_completion_tokens"],
  },
  "/completions": { ...CALL, addsUsage: true, pseudonym: "user", boundedBy: ["max_tokens"] },
  "/responses": {
    ...CALL,
    pseudonym: "safety_identifier",
    boundedBy: ["max_output_tokens", "max_tool_calls"],
  },
  "/messages": { ...CALL, pseudonym: "metadata.user_id", boundedBy: ["max_tokens"] },
  "/embeddings": { ...CALL, pseudonym: "user", charges: "prompt" },
  "/rerank": { ...CALL, charges: "prompt" },
  "/images": { ...CALL, charges: "images" },
  "/audio/speech": { ...CALL, charges: "other" },
  "/audio/transcriptions": { ...CALL, body: "any", charges: "other" },
  "/videos": { ...CALL, beginsJob: true, charges: "job" },
  "/systemone": {
    ...CALL,
    boundedBy: [],
    data: ["state", "questions"],
    bareNamesOf: "typesafe",
  },
};

/** A POST below an extra path may cost, whatever its body is. */
export function unknownCall(bookedAs: string): CallEndpoint {
  return { ...CALL, body: "any", charges: "other", bookedAs };
}
