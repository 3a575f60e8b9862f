/** `POST /responses`: JSON and streams. Nothing is stored: there is no `GET /responses/:id`. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError, errorType } from "./errors.ts";
import { Generation } from "./generation.ts";
import { besideError, failedJson, type InnerError } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { type Completion, planCompletion, promptTokens, wholeText } from "./tokens.ts";
import { responsesUsage } from "./usage.ts";

interface Response {
  id: string;
  object: "response";
  created_at: number;
  status: "completed" | "incomplete" | "failed" | "in_progress";
  model: string;
  error: InnerError | null;
  incomplete_details: { reason: "max_output_tokens" } | null;
  output: unknown[];
}

function message(id: string, text: string) {
  return {
    type: "message",
    id: `msg_${id}`,
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text, annotations: [] }],
  };
}

/** `POST /responses`. */
export function responses(call: Call): Answer {
  const { body, faults } = call;
  if (body.input === undefined) throw apiError(400, "input is required");
  if (body.previous_response_id !== undefined && body.previous_response_id !== null) {
    throw apiError(400, "previous_response_id is not supported");
  }
  const streamed = body.stream === true;
  const completion = planCompletion(body, faults);
  const planned = {
    prompt: promptTokens(body),
    completion: completion.tokens,
    finishReason: completion.finishReason,
  };
  const generation = new Generation(call, planned, streamed);
  if (streamed) return sseAnswer(generation, completion, dialect(generation, completion));

  const failure = failedJson(generation, (error) => failed(generation, error));
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = faults.has("no-usage") ? {} : { usage: responsesUsage(figures, faults) };
  const output = [message(generation.id, wholeText(completion))];
  return json({ ...ended(generation, completion, output), ...usage }, generation.headers);
}

function response(generation: Generation, rest: Partial<Response>): Response {
  return {
    id: generation.id,
    object: "response",
    created_at: generation.createdS,
    status: "in_progress",
    model: generation.modelId,
    error: null,
    incomplete_details: null,
    output: [],
    ...rest,
  };
}

function ended(generation: Generation, completion: Completion, output: unknown[]): Response {
  return completion.finishReason === "stop"
    ? response(generation, { status: "completed", output })
    : response(generation, {
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output,
    });
}

function failed(generation: Generation, error: InnerError): Response {
  return response(generation, { status: "failed", error });
}

function dialect(generation: Generation, completion: Completion): Dialect {
  const { faults } = generation.call;
  const item = { item_id: `msg_${generation.id}`, output_index: 0, content_index: 0 };
  let sequence = 0;
  const event = (type: string, rest: object) =>
    JSON.stringify({ type, sequence_number: sequence++, ...rest });
  const emptyItem = { ...message(generation.id, ""), status: "in_progress", content: [] };
  return {
    opening: () => [
      event("response.created", { response: response(generation, {}) }),
      event("response.in_progress", { response: response(generation, {}) }),
      event("response.output_item.added", { output_index: 0, item: emptyItem }),
      event("response.content_part.added", { ...item, part: { type: "output_text", text: "" } }),
    ],
    delta: (delta) => event("response.output_text.delta", { ...item, delta }),
    closing: () => [
      event("response.output_item.done", {
        output_index: 0,
        item: { ...emptyItem, status: "completed" },
      }),
    ],
    usage(figures) {
      const body = ended(generation, completion, []);
      if (figures === undefined) return [event(`response.${body.status}`, { response: body })];
      const usage = figures === null ? null : responsesUsage(figures, faults);
      return [event(`response.${body.status}`, { response: { ...body, usage } })];
    },
    error: (error) => {
      const beside = { error_type: errorType(error.code), ...besideError(generation.call) };
      return [
        event("error", { ...error, param: null, ...beside }),
        event("response.failed", {
          response: { ...failed(generation, error), usage: null },
          ...beside,
        }),
      ];
    },
    done: ["[DONE]"],
  };
}
