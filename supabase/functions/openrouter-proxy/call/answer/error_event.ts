/**
 * An error of the gateway's own within a stream, in the shape in which the endpoint's SDKs expect one.
 *
 * Source: docs/openrouter.md, "SSE"; docs/protocol.md, "Errors of the gateway itself"; the validators of
 * `@openrouter/sdk`, which take no event that lacks a member.
 */
import { utf8 } from "../../bytes/encodings.ts";
import type { ErrorType, GatewayError } from "../../errors.ts";
import type { ErrorDialect } from "../../policy/error_dialects.ts";

/** What a stream has told of itself. */
export interface SeenStream {
  /** The id of the generation, or of the message or response; null: it has told none. */
  id: string | null;
  model: string | null;
  /** How many events there were. */
  events: number;
}

/** The stream that an error ends. */
export interface ToldStream extends SeenStream {
  id: string;
  model: string;
  /** The x-request-id of the answer. */
  requestId: string;
  /** Seconds since the epoch. */
  nowS: number;
}

/** The words of OpenRouter and of Anthropic for what may happen to a stream. */
const WORDS: Partial<Record<ErrorType, { openrouter: string; anthropic: string }>> = {
  upstream_timeout: { openrouter: "timeout", anthropic: "timeout_error" },
};
const OTHER_WORDS = { openrouter: "provider_unavailable", anthropic: "api_error" };

type Event = [name: string | null, data: Record<string, unknown>];

const EVENTS: Record<ErrorDialect, (error: GatewayError, stream: ToldStream) => Event[]> = {
  chat: (error, stream) => [
    chunk(error, stream, "chat.completion.chunk", { delta: { content: "" } }),
  ],
  completion: (error, stream) => [chunk(error, stream, "text_completion", { text: "" })],
  response: responseEvents,
  message: (error, { requestId }) => {
    const { anthropic } = wordsFor(error);
    const { message } = error;
    return [["error", {
      type: "error",
      error: { type: anthropic, message },
      request_id: requestId,
    }]];
  },
  plain: ({ type, message }) => [
    ["error", { type: "error", error: { type, code: type, message, param: null } }],
  ],
};

/** The events that end a stream because of this error: bytes that belong between two events. */
export function errorEvents(
  dialect: ErrorDialect,
  error: GatewayError,
  stream: ToldStream,
): Uint8Array {
  const events = EVENTS[dialect](error, stream).map(([name, data]) =>
    `${name === null ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
  );
  return utf8(events.join(""));
}

function chunk(
  error: GatewayError,
  { id, model, nowS }: ToldStream,
  object: string,
  choice: Record<string, unknown>,
): Event {
  const { status: code, type, message } = error;
  return [null, {
    id,
    object,
    created: nowS,
    model,
    error: { code, type, message, metadata: { error_type: wordsFor(error).openrouter } },
    choices: [{ index: 0, ...choice, finish_reason: "error" }],
  }];
}

/** As OpenRouter tells it: OpenAI's SDK raises the first event; Codex and callModel read the second. */
function responseEvents(error: GatewayError, { id, model, events, nowS }: ToldStream): Event[] {
  const { type, message } = error;
  const response = {
    id,
    object: "response",
    created_at: nowS,
    completed_at: null,
    status: "failed",
    model,
    error: { code: "server_error", message },
    error_type: wordsFor(error).openrouter,
    incomplete_details: null,
    output: [],
    usage: null,
    // What the request asked for is not kept.
    instructions: null,
    metadata: null,
    temperature: null,
    top_p: null,
    frequency_penalty: null,
    presence_penalty: null,
    parallel_tool_calls: true,
    tool_choice: "auto",
    tools: [],
  };
  const failed = { type: "response.failed", sequence_number: events + 1, response };
  return [
    ["error", { type: "error", code: type, message, param: null, sequence_number: events }],
    ["response.failed", failed],
  ];
}

function wordsFor({ type }: GatewayError): { openrouter: string; anthropic: string } {
  return WORDS[type] ?? OTHER_WORDS;
}
