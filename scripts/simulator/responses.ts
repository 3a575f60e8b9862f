/** `POST /responses`: JSON and streams. Nothing is stored: there is no `GET /responses/:id`. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { type Completion, type Part, startCompletion, wholePart } from "./completion.ts";
import { apiError, errorType } from "./errors.ts";
import type { Generation } from "./generation.ts";
import { besideError, failedJson, worded } from "./inner_error.ts";
import { ended, failed, item, itemId, outputText, response } from "./response_object.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { responsesUsage } from "./usage.ts";

/** `POST /responses`. */
export async function responses(call: Call): Promise<Answer> {
  const { body, faults } = call;
  if (body.input === undefined) throw apiError(400, "input is required");
  if (body.previous_response_id !== undefined && body.previous_response_id !== null) {
    throw apiError(400, "previous_response_id is not supported");
  }
  const { completion, generation } = await startCompletion(call);
  if (generation.streamed) {
    return sseAnswer(generation, completion, dialect(generation, completion));
  }

  const failure = failedJson(generation, (error) => failed(generation, error));
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = faults.has("no-usage") ? {} : { usage: responsesUsage(figures, faults) };
  return json({ ...ended(generation, completion), ...usage }, generation.headers);
}

type Event = (type: string, rest: object) => string;

/** The events of an item: a message with one text, or a call of a tool. */
function itemEvents(
  generation: Generation,
  event: Event,
): Pick<Dialect, "begin" | "delta" | "end"> {
  const place = (part: Part, index: number) => ({
    item_id: itemId(generation, part, index),
    output_index: index,
    ...(part.call === null ? { content_index: 0 } : {}),
  });
  return {
    begin: (part, index) => [
      event("response.output_item.added", {
        output_index: index,
        item: item(generation, part, index),
      }),
      ...(part.call === null
        ? [event("response.content_part.added", { ...place(part, index), part: outputText("") })]
        : []),
    ],
    delta: (delta, part, index) =>
      part.call === null
        ? event("response.output_text.delta", { ...place(part, index), delta, logprobs: [] })
        : event("response.function_call_arguments.delta", { ...place(part, index), delta }),
    end(part, index) {
      const at = place(part, index);
      const text = wholePart(part);
      const done = part.call === null
        ? [
          event("response.output_text.done", { ...at, text, logprobs: [] }),
          event("response.content_part.done", { ...at, part: outputText(text) }),
        ]
        : [
          event("response.function_call_arguments.done", {
            ...at,
            name: part.call.name,
            arguments: text,
          }),
        ];
      return [
        ...done,
        event("response.output_item.done", {
          output_index: index,
          item: item(generation, part, index, text),
        }),
      ];
    },
  };
}

function dialect(generation: Generation, completion: Completion): Dialect {
  const { faults } = generation.call;
  let sequence = 0;
  const event = (type: string, rest: object) =>
    JSON.stringify({ type, sequence_number: sequence++, ...rest });
  return {
    opening: () => [
      event("response.created", { response: response(generation) }),
      event("response.in_progress", { response: response(generation) }),
    ],
    ...itemEvents(generation, event),
    closing: () => [],
    usage(figures) {
      const body = ended(generation, completion);
      if (figures === undefined) return [event(`response.${body.status}`, { response: body })];
      const usage = figures === null ? null : responsesUsage(figures, faults);
      return [event(`response.${body.status}`, { response: { ...body, usage } })];
    },
    error: (error) => {
      const beside = { error_type: errorType(error.code), ...besideError(generation.call) };
      return [
        event("error", { ...worded(error), param: null, ...beside }),
        event("response.failed", {
          response: { ...failed(generation, error), usage: null },
          ...beside,
        }),
      ];
    },
    done: ["[DONE]"],
  };
}
