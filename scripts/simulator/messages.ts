/** `POST /messages`: Anthropic's dialect, JSON and streams. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { type Completion, type Part, startCompletion, wholePart } from "./completion.ts";
import { anthropicType, apiError, errorType } from "./errors.ts";
import type { Generation } from "./generation.ts";
import { besideError, failedJson, type InnerError } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { messagesUsage } from "./usage.ts";

const STOP_REASONS: Record<Completion["finishReason"], string> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
};

/** `POST /messages`. */
export async function messages(call: Call): Promise<Answer> {
  const { body, faults } = call;
  if (!Array.isArray(body.messages)) throw apiError(400, "messages: Field required");
  const { completion, generation } = await startCompletion(call);
  const stopReason = STOP_REASONS[completion.finishReason];
  if (generation.streamed) {
    return sseAnswer(generation, completion, dialect(generation, stopReason));
  }

  const failure = failedJson(generation, errorBody);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = faults.has("no-usage") ? {} : { usage: messagesUsage(figures, faults) };
  const content = completion.parts.map((part) => block(part, wholePart(part)));
  return json({ ...message(generation), content, stop_reason: stopReason, ...usage }, {
    ...generation.headers,
  });
}

/** A part as a block of content, with as much of it as there is. */
function block({ call }: Part, text: string) {
  if (call === null) return { type: "text", text };
  return { type: "tool_use", id: `toolu_${call.id}`, name: call.name, input: objectIn(text) };
}

/** The arguments of a call; none where they are cut off. */
function objectIn(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

function message({ id, modelId, provider }: Generation) {
  return {
    id,
    type: "message",
    role: "assistant",
    model: modelId,
    provider,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
}

function errorBody({ code, message, metadata }: InnerError) {
  const type = typeof code === "number" ? anthropicType(code) : code;
  const rest = metadata === undefined ? {} : { metadata };
  return { type: "error", error: { type, message, error_type: errorType(code), ...rest } };
}

function dialect(generation: Generation, stopReason: string): Dialect {
  const { faults } = generation.call;
  const event = (type: string, rest: object = {}) => ({
    event: type,
    data: JSON.stringify({ type, ...rest }),
  });
  return {
    opening() {
      const { cost: _c, is_byok: _b, cost_details: _d, iterations: _i, ...tokens } = messagesUsage(
        generation.figures(1),
        faults,
      );
      const usage = faults.has("no-usage") ? {} : { usage: tokens };
      return [
        event("message_start", { message: { ...message(generation), ...usage } }),
      ];
    },
    begin: (part, index) => [
      event("content_block_start", { index, content_block: block(part, "") }),
      ...(index === 0 ? [event("ping")] : []),
    ],
    delta: (text, { call }, index) =>
      event("content_block_delta", {
        index,
        delta: call === null
          ? { type: "text_delta", text }
          : { type: "input_json_delta", partial_json: text },
      }),
    end: (_part, index) => [event("content_block_stop", { index })],
    closing: () => [],
    usage(figures) {
      const delta = { stop_reason: stopReason, stop_sequence: null };
      if (figures === undefined) return [event("message_delta", { delta })];
      const usage = figures === null ? null : messagesUsage(figures, faults);
      return [event("message_delta", { delta, usage })];
    },
    error: (error) => [
      event("error", { error: errorBody(error).error, ...besideError(generation.call) }),
    ],
    done: [event("message_stop")],
  };
}
