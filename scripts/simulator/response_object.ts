/** The object `response` of `/responses`: what was asked for, and what came of it. */
import { type Completion, type Part, wholePart } from "./completion.ts";
import type { Generation } from "./generation.ts";
import { type InnerError, worded } from "./inner_error.ts";

export interface Response {
  id: string;
  object: "response";
  created_at: number;
  completed_at: number | null;
  status: "completed" | "incomplete" | "failed" | "in_progress";
  model: string;
  error: InnerError | null;
  incomplete_details: { reason: "max_output_tokens" } | null;
  output: Item[];
}

export interface Item {
  type: "message" | "function_call";
  id: string;
  status: "completed" | "incomplete" | "in_progress";
  [member: string]: unknown;
}

/** What a response repeats of its request, and what each is where the request leaves it out. */
const REPEATED = {
  instructions: null,
  metadata: null,
  max_output_tokens: null,
  parallel_tool_calls: true,
  reasoning: null,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
} as const;

/** A response as it begins, with what is known of it. */
export function response(generation: Generation, rest: Partial<Response> = {}): Response {
  const { body } = generation.call;
  const repeated = Object.entries(REPEATED).map(([name, absent]) => [name, body[name] ?? absent]);
  return {
    id: generation.id,
    object: "response",
    created_at: generation.createdS,
    completed_at: null,
    status: "in_progress",
    model: generation.modelId,
    error: null,
    incomplete_details: null,
    output: [],
    ...Object.fromEntries(repeated),
    frequency_penalty: 0,
    presence_penalty: 0,
    store: false,
    ...rest,
  };
}

/** A response at its end, but for its usage. */
export function ended(generation: Generation, completion: Completion): Response {
  const output = completion.parts.map((part, index) =>
    item(generation, part, index, wholePart(part))
  );
  if (completion.finishReason === "length") {
    const incomplete_details = { reason: "max_output_tokens" } as const;
    return response(generation, { status: "incomplete", incomplete_details, output });
  }
  const completed_at = Math.floor(Date.now() / 1000);
  return response(generation, { status: "completed", completed_at, output });
}

/** A response that an error ended. */
export function failed(generation: Generation, error: InnerError): Response {
  return response(generation, { status: "failed", error: worded(error) });
}

/** The id of the item that holds this part. */
export function itemId({ id }: Generation, { call }: Part, index: number): string {
  return call === null ? `msg_${id}` : `fc_${id}_${index}`;
}

/** A part as an item of the output; without its text, as it begins. */
export function item(generation: Generation, part: Part, index: number, text?: string): Item {
  const id = itemId(generation, part, index);
  const status = text === undefined ? "in_progress" : "completed";
  if (part.call !== null) {
    const { name, id: callId } = part.call;
    const call_id = `call_${callId}`;
    return { type: "function_call", id, status, call_id, name, arguments: text ?? "" };
  }
  const content = text === undefined ? [] : [outputText(text)];
  return { type: "message", id, role: "assistant", status, content };
}

/** A text as a part of a message's content. */
export function outputText(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}
