/**
 * The simulator's prompt tokens: one for every 4 UTF-8 bytes of the request's text, rounded up, at
 * least 1; and those that the request gives as tokens. The tools that the client runs are text too, as JSON, and so is what they gave.
 */
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";

function* texts(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) { for (const item of value) yield* texts(item); }
  else if (typeof value === "object" && value !== null) {
    const { text, content, output } = value as Record<string, unknown>;
    yield* texts(text);
    yield* texts(content);
    yield* texts(output);
  }
}

/** Counts the prompt's tokens of a request body of any endpoint. */
export function promptTokens(body: Record<string, unknown>): number {
  const { system, instructions, messages, prompt, input, query, documents, tools } = body;
  const described = [tools].flat().map(Object).filter((tool) => tool.name ?? tool.function)
    .map((tool) => JSON.stringify(tool));
  const all = [system, instructions, messages, prompt, input, query, documents, described];
  let bytes = 0;
  for (const text of texts(all)) bytes += new TextEncoder().encode(text).length;
  const tokens = [prompt, input].flat(2).filter(Number.isInteger).length;
  return Math.max(1, Math.ceil(bytes / 4) + tokens);
}

/** Counts the images in a body: its objects of the types `image_url`, `input_image` and `image`. */
export function imageCount(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const { type } = value as Record<string, unknown>;
  const own = type === "image_url" || type === "input_image" || type === "image" ? 1 : 0;
  return Object.values(value).reduce((sum: number, child) => sum + imageCount(child), own);
}

/** The members that bound an endpoint's output; another API's are passed over. */
const OUTPUT_BOUNDS: Readonly<Record<string, readonly string[]>> = {
  "POST /chat/completions": ["max_tokens", "max_completion_tokens"],
  "POST /completions": ["max_tokens"],
  "POST /messages": ["max_tokens"],
  "POST /responses": ["max_output_tokens"],
};

/**
 * The most tokens that a call allows its answer; undefined where it sets no bound.
 *
 * @throws {ApiError} 400 for what is no count
 */
export function outputBound({ body, route }: Pick<Call, "body" | "route">): number | undefined {
  const asked = OUTPUT_BOUNDS[route]?.map((name) => body[name])
    .find((value) => value !== undefined && value !== null);
  if (asked === undefined || asked === null) return undefined;
  if (Number.isSafeInteger(asked) && Number(asked) > 0) return Number(asked);
  throw apiError(400, "max_tokens must be a whole number of at least 1");
}

/** What coding agents put beside what their user says. */
const REMINDER = /^\s*<system-reminder>/;

/** The last text of a body: what its user said last, or what the last tool gave. */
export function lastText(body: Record<string, unknown>): string {
  const said = [...texts(body.messages ?? body.input ?? body.prompt)];
  return said.findLast((text) => !REMINDER.test(text)) ?? said.at(-1) ?? "";
}
