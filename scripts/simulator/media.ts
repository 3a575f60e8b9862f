/** `POST /images`, `/audio/transcriptions`, `/audio/speech`. */
import { Buffer } from "node:buffer";
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { textCompletion } from "./completion.ts";
import { apiError } from "./errors.ts";
import { Generation } from "./generation.ts";
import { besideError, failedJson, worded } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { promptTokens } from "./tokens.ts";
import { chatUsage, cost, told } from "./usage.ts";

const TOKENS_PER_IMAGE = 1290;
const AUDIO_BYTES_PER_SECOND = 16_000;
const AUDIO_TOKENS_PER_SECOND = 10;
const SPEECH_BYTES_PER_CHARACTER = 100;
/** The smallest PNG: one transparent pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** `POST /images`: 1290 tokens for each; a stream sends each one as it is made. */
export function images(call: Call): Answer {
  const { body, faults } = call;
  if (typeof body.prompt !== "string") throw apiError(400, "prompt is required");
  const count = typeof body.n === "number" ? body.n : 1;
  const streamed = body.stream === true;
  const completion = count * TOKENS_PER_IMAGE;
  const planned = { prompt: promptTokens(body), completion, isImages: true };
  const generation = new Generation(call, planned, streamed);
  if (streamed) {
    const partials = textCompletion(count, () => PIXEL);
    return sseAnswer(generation, partials, imageDialect(generation));
  }
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const usage = chatUsage(generation.settle(), faults);
  return json({
    created: generation.createdS,
    data: Array.from({ length: count }, () => ({ b64_json: PIXEL })),
    ...(faults.has("no-usage") ? {} : { usage }),
  }, generation.headers);
}

function imageDialect(generation: Generation): Dialect {
  const { faults } = generation.call;
  let index = 0;
  return {
    opening: () => [],
    begin: () => [],
    delta: (b64_json) =>
      JSON.stringify({
        type: "image_generation.partial_image",
        partial_image_index: index++,
        b64_json,
      }),
    end: () => [],
    closing: () => [],
    usage(figures) {
      const event = {
        type: "image_generation.completed",
        created: generation.createdS,
        b64_json: PIXEL,
      };
      if (figures === undefined) return [JSON.stringify(event)];
      const usage = figures === null ? null : chatUsage(figures, faults);
      return [JSON.stringify({ ...event, usage })];
    },
    error: (error) => [
      JSON.stringify({ type: "error", error: worded(error), ...besideError(generation.call) }),
    ],
    done: ["[DONE]"],
  };
}

/**
 * `POST /audio/transcriptions`, a form with `file` or JSON with `input_audio` {data, format}: 16 000
 * bytes are a second, and a second ten tokens.
 */
export function transcriptions(call: Call): Answer {
  const { body, faults } = call;
  const { name, bytes } = audioOf(body);
  const seconds = Math.max(1, Math.ceil(bytes / AUDIO_BYTES_PER_SECOND));
  const text = `${seconds} seconds of ${name}`;
  const generation = new Generation(call, {
    prompt: seconds * AUDIO_TOKENS_PER_SECOND,
    completion: text.split(" ").length,
    units: seconds,
  }, false);
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const { prompt, completion, units, cost: price } = generation.settle();
  const usage = told({
    seconds: units,
    input_tokens: prompt,
    output_tokens: completion,
    total_tokens: prompt + completion,
    cost: cost(price, faults),
  }, faults);
  return json({ text, ...(faults.has("no-usage") ? {} : { usage }) }, generation.headers);
}

function audioOf({ file, input_audio }: Record<string, unknown>): { name: string; bytes: number } {
  if (file instanceof File) return { name: file.name, bytes: file.size };
  const { data, format } = Object(input_audio) as Record<string, unknown>;
  if (typeof data !== "string" || typeof format !== "string") {
    throw apiError(400, "file or input_audio is required");
  }
  return { name: format, bytes: Buffer.byteLength(data, "base64") };
}

/** `POST /audio/speech`: raw bytes and no usage; the price is in `/generation`. */
export function speech(call: Call): Answer {
  const { input } = call.body;
  if (typeof input !== "string") throw apiError(400, "input is required");
  const generation = new Generation(call, { prompt: 0, units: input.length }, true);
  generation.settle();
  const body = Uint8Array.from(
    { length: input.length * SPEECH_BYTES_PER_CHARACTER },
    (_, index) => index % 256,
  );
  return { status: 200, headers: { "Content-Type": "audio/mpeg", ...generation.headers }, body };
}
