/** `POST /chat/completions` and `POST /completions`: JSON and streams. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import {
  type Completion,
  type Part,
  planCompletion,
  startGeneration,
  together,
  wholePart,
  wholeText,
} from "./completion.ts";
import { apiError, errorType } from "./errors.ts";
import type { Generation } from "./generation.ts";
import { besideError, failedJson, withRaw } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { chatUsage } from "./usage.ts";

/** What tells the two endpoints apart: the names of objects and the members of a choice. */
interface Shape {
  object: string;
  chunkObject: string;
  /** A choice's own member in a stream, before and after the JSON string of the text. */
  delta: [before: string, after: string];
  whole(completion: Completion): Record<string, unknown>;
}

const CHAT: Shape = {
  object: "chat.completion",
  chunkObject: "chat.completion.chunk",
  delta: ['"delta":{"content":', ',"role":"assistant"}'],
  whole(completion) {
    const calls = completion.parts.flatMap((part) =>
      part.call === null ? [] : [calling(part, wholePart(part))]
    );
    return {
      message: {
        role: "assistant",
        content: wholeText(completion),
        refusal: null,
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
    };
  },
};

const TEXT: Shape = {
  object: "text_completion",
  chunkObject: "text_completion",
  delta: ['"text":', ""],
  whole: (completion) => ({ text: wholeText(completion) ?? "" }),
};

/** A call of a tool in a message, or the first piece of one in a stream. */
function calling({ call }: Part, json: string) {
  return {
    id: `call_${call!.id}`,
    type: "function",
    function: { name: call!.name, arguments: json },
  };
}

/** `POST /chat/completions`. */
export async function chatCompletions(call: Call): Promise<Answer> {
  if (!Array.isArray(call.body.messages) && typeof call.body.prompt !== "string") {
    throw apiError(400, 'Input required: specify "prompt" or "messages"');
  }
  return answer(call, CHAT, [await planCompletion(call)]);
}

/** `POST /completions`: a choice for each prompt, which is a text of one part. */
export async function completions(call: Call): Promise<Answer> {
  const body = withoutTools(call.body);
  const [first, ...others] = promptsIn(body.prompt)
    .map((prompt) => planCompletion({ ...call, body: { ...body, prompt } }));
  if (first === undefined) throw apiError(400, 'Input required: specify "prompt"');
  return answer({ ...call, body }, TEXT, [await first, ...await Promise.all(others)]);
}

/** A text, a list of texts, or the same in tokens: LangChain sends a list of one. */
function promptsIn(prompt: unknown): unknown[] {
  if (typeof prompt === "string") return [prompt];
  if (!Array.isArray(prompt)) return [];
  return prompt.every(Number.isInteger) && prompt.length > 0 ? [prompt] : prompt;
}

/** The endpoint of old has neither tools nor formats. */
function withoutTools({ tools: _t, response_format: _f, ...body }: Call["body"]): Call["body"] {
  return body;
}

function answer(
  call: Call,
  shape: Shape,
  choices: [Completion, ...Completion[]],
): Answer {
  const { body, faults } = call;
  const completion = together(choices);
  const generation = startGeneration(call, completion);
  if (generation.streamed) {
    return sseAnswer(generation, completion, dialect(generation, shape, choices));
  }

  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const failed = faults.has("choice-error")
    ? {
      finish_reason: "error",
      error: withRaw({ code: 502, message: "Provider disconnected" }, call),
      ...besideError(call),
    }
    : {};
  const { id, createdS, modelId, provider } = generation;
  const figures = generation.settle();
  const usage = faults.has("no-usage") ? {} : { usage: chatUsage(figures, faults) };
  return json({
    id,
    object: shape.object,
    created: createdS,
    model: modelId,
    provider,
    system_fingerprint: null,
    choices: choices.map((choice, index) => ({
      index,
      ...finishOf(choice),
      ...shape.whole(choice),
      ...failed,
    })),
    ...tierIn(body),
    ...usage,
  }, generation.headers);
}

/** The serving tier, where the request chose one. */
function tierIn({ service_tier }: Record<string, unknown>): { service_tier?: string } {
  return typeof service_tier === "string" ? { service_tier } : {};
}

function finishOf({ finishReason }: Completion) {
  return { finish_reason: finishReason, native_finish_reason: finishReason };
}

function dialect(generation: Generation, shape: Shape, choices: Completion[]): Dialect {
  const { id, createdS, modelId, provider, call: { body, faults } } = generation;
  const head = {
    id,
    object: shape.chunkObject,
    created: createdS,
    model: modelId,
    provider,
    ...tierIn(body),
  };
  // Joined, not serialised, for each token: a benchmark reads thousands of streams per second
  const open = JSON.stringify(head).slice(0, -1);
  const befores = choices.map((_, index) =>
    `${open},"choices":[{"index":${index},${shape.delta[0]}`
  );
  const after = `${shape.delta[1]},"finish_reason":null,"native_finish_reason":null}]}`;
  const ends = choices.map((choice, index) =>
    `${befores[index]}""${shape.delta[1]},${JSON.stringify(finishOf(choice)).slice(1, -1)}}]`
  );
  const toolDelta = (index: number, rest: object) => {
    const delta = { role: "assistant", content: null, tool_calls: [{ index, ...rest }] };
    const choice = { index: 0, delta, finish_reason: null, native_finish_reason: null };
    return JSON.stringify({ ...head, choices: [choice] });
  };
  const usageOpen = faults.has("empty-choices") ? `${open},"choices":[]` : ends.at(-1)!;
  return {
    opening: () => [],
    begin: (part, index) => part.call === null ? [] : [toolDelta(index, calling(part, ""))],
    delta: (text, part, index) =>
      part.call === null
        // The parts of one chat are of one choice; those of several texts are a choice each.
        ? befores[choices.length === 1 ? 0 : index]! + JSON.stringify(text) + after
        : toolDelta(index, { function: { arguments: text } }),
    end: () => [],
    closing: () => ends.map((end) => `${end}}`),
    usage(figures) {
      if (figures === undefined) return [];
      const usage = figures === null ? null : chatUsage(figures, faults);
      return [`${usageOpen},"usage":${JSON.stringify(usage)}}`];
    },
    error: ({ code, message, metadata }) => [
      JSON.stringify({
        ...head,
        error: { code, message, metadata: { error_type: errorType(code), ...metadata } },
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
        ...besideError(generation.call),
      }),
    ],
    done: ["[DONE]"],
  };
}
