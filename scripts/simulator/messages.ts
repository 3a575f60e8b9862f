/** `POST /messages`: Anthropic's dialect, JSON and streams. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { anthropicType, apiError, errorType } from "./errors.ts";
import { Generation } from "./generation.ts";
import { besideError, failedJson, type InnerError } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { planCompletion, promptTokens, wholeText } from "./tokens.ts";
import { messagesUsage } from "./usage.ts";

/** `POST /messages`. */
export function messages(call: Call): Answer {
  const { body, faults } = call;
  if (!Array.isArray(body.messages)) throw apiError(400, "messages: Field required");
  const streamed = body.stream === true;
  const completion = planCompletion(body, faults);
  const planned = {
    prompt: promptTokens(body),
    completion: completion.tokens,
    finishReason: completion.finishReason,
  };
  const generation = new Generation(call, planned, streamed);
  const stopReason = completion.finishReason === "stop" ? "end_turn" : "max_tokens";
  if (streamed) return sseAnswer(generation, completion, dialect(generation, stopReason));

  const failure = failedJson(generation, errorBody);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = faults.has("no-usage") ? {} : { usage: messagesUsage(figures, faults) };
  const content = [{ type: "text", text: wholeText(completion) }];
  return json({ ...message(generation), content, stop_reason: stopReason, ...usage }, {
    ...generation.headers,
  });
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
        event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
        event("ping"),
      ];
    },
    delta: (text) =>
      event("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
    closing: () => [event("content_block_stop", { index: 0 })],
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
