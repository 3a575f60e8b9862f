/** `POST /images`, `/audio/transcriptions`, `/audio/speech`, `/videos`, `GET /videos/:id` and its content. */
import { randomUUID } from "node:crypto";
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { Generation } from "./generation.ts";
import { failedJson } from "./inner_error.ts";
import { type Dialect, sseAnswer } from "./sse.ts";
import { promptTokens } from "./tokens.ts";
import { chatUsage, cost } from "./usage.ts";

const TOKENS_PER_IMAGE = 1290;
const AUDIO_BYTES_PER_SECOND = 16_000;
const SPEECH_BYTES_PER_CHARACTER = 100;
const DEFAULT_VIDEO_SECONDS = 8;
/** The smallest PNG: one transparent pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** `POST /images`: 1290 tokens for each; a stream sends each one as it is made. */
export function images(call: Call): Answer {
  const { body, faults } = call;
  if (typeof body.prompt !== "string") throw apiError(400, "prompt is required");
  const count = typeof body.n === "number" ? body.n : 1;
  const streamed = body.stream === true;
  const planned = { prompt: promptTokens(body), completion: count * TOKENS_PER_IMAGE };
  const generation = new Generation(call, planned, streamed);
  if (streamed) {
    const partials = { tokens: count, finishReason: "stop" as const, text: () => PIXEL };
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
    delta: (b64_json) =>
      JSON.stringify({
        type: "image_generation.partial_image",
        partial_image_index: index++,
        b64_json,
      }),
    closing: () => [],
    usage(figures) {
      const event = { type: "image_generation.completed", b64_json: PIXEL };
      if (figures === undefined) return [JSON.stringify(event)];
      const usage = figures === null ? null : chatUsage(figures, faults);
      return [JSON.stringify({ ...event, usage })];
    },
    error: (error) => [JSON.stringify({ type: "error", error })],
    done: ["[DONE]"],
  };
}

/** `POST /audio/transcriptions` (multipart): 16 000 bytes of the file are a second. */
export function transcriptions(call: Call): Answer {
  const { body: { file }, faults } = call;
  if (!(file instanceof File)) throw apiError(400, "file is required");
  const seconds = Math.max(1, Math.ceil(file.size / AUDIO_BYTES_PER_SECOND));
  const generation = new Generation(call, { prompt: 0, units: seconds }, false);
  const failure = failedJson(generation);
  if (failure !== null) return failure;
  const figures = generation.settle();
  const usage = { seconds: figures.units, cost: cost(figures.cost, faults) };
  return json({
    text: `${seconds} seconds of ${file.name}`,
    ...(faults.has("no-usage") ? {} : { usage }),
  }, generation.headers);
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

/** `POST /videos`: a job. It is paid for once, when it is accepted. */
export function createVideo(call: Call): Answer {
  const { body, faults, ledger } = call;
  if (typeof body.prompt !== "string") throw apiError(400, "prompt is required");
  const units = typeof body.duration === "number" ? body.duration : DEFAULT_VIDEO_SECONDS;
  const generation = new Generation(call, { prompt: 0, units }, false);
  const id = randomUUID();
  ledger.videos.set(id, {
    generation: generation.settle(),
    pendingPolls: faults.number("pending") ?? 0,
  });
  return json({ id, polling_url: `/api/v1/videos/${id}`, status: "pending" }, {
    ...generation.headers,
  }, 202);
}

/** `GET /videos/:id`: usage once it is completed. */
export function video(call: Call): Answer {
  const { parameter: id, faults } = call;
  const job = jobOf(call);
  const { generation } = job;
  const base = { id, polling_url: `/api/v1/videos/${id}`, generation_id: generation.id };
  if (job.pendingPolls > 0) {
    job.pendingPolls--;
    return json({ ...base, status: "in_progress" });
  }
  return json({
    ...base,
    status: "completed",
    unsigned_urls: [`https://videos.invalid/${id}.mp4`],
    usage: { cost: cost(generation.cost, faults), is_byok: generation.isByok },
  });
}

/** `GET /videos/:id/content`: the video, which says nothing of its cost. */
export function videoContent(call: Call): Answer {
  if (jobOf(call).pendingPolls > 0) throw apiError(400, "Video generation is not completed yet");
  const body = new TextEncoder().encode("\0\0\0\x18ftypmp42");
  return { status: 200, headers: { "Content-Type": "video/mp4" }, body };
}

function jobOf({ parameter: id, ledger }: Call) {
  const job = ledger.videos.get(id);
  if (job === undefined) throw apiError(404, `Video ${id} not found`);
  return job;
}
