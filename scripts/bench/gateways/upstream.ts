/**
 * An upstream that costs next to nothing: OpenRouter's answers to a chat, as bytes that were made
 * before. A stream is a hundred tokens, each a chunk of its own, as many milliseconds apart as the
 * request's `seed` says: not every gateway passes on members that OpenAI does not have. A JSON answer has
 * as many bytes of text as the request's `answer_bytes` says.
 */
import { setTimeout as sleep } from "node:timers/promises";

const GENERATION = "gen-1791383960-abcdefghijklmnop";
const MODEL = "openai/gpt-4o-mini";
const usage = {
  prompt_tokens: 37,
  completion_tokens: 100,
  total_tokens: 137,
  cost: 0.000007765,
  is_byok: false,
  prompt_tokens_details: { cached_tokens: 0 },
  cost_details: { upstream_inference_cost: 0.000007765 },
  completion_tokens_details: { reasoning_tokens: 0 },
};
const encoder = new TextEncoder();
const encoded = (value: unknown) => encoder.encode(JSON.stringify(value));

function event(content: string, finish: string | null) {
  return {
    id: GENERATION,
    object: "chat.completion.chunk",
    created: 1791383960,
    model: MODEL,
    provider: "OpenAI",
    choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }],
  };
}

function answer(content: string): Uint8Array<ArrayBuffer> {
  return encoded({
    id: GENERATION,
    object: "chat.completion",
    created: 1791383960,
    model: MODEL,
    provider: "OpenAI",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage,
  });
}

const ANSWER = answer("Hello! How can I help you today?");
/** The one that was asked for last, made once. */
let longAnswer = { bytes: 0, answer: ANSWER };
const TOKENS = Array.from(
  { length: 100 },
  (_, index) => encoder.encode(`data: ${JSON.stringify(event(` word${index}`, null))}\n\n`),
);
const LAST = encoder.encode(
  `data: ${JSON.stringify({ ...event("", "stop"), usage })}\n\ndata: [DONE]\n\n`,
);
const MODELS = encoded({
  data: [{
    id: MODEL,
    context_length: 128_000,
    pricing: { prompt: "0.00000015", completion: "0.0000006", request: "0" },
    top_provider: { max_completion_tokens: 16_384 },
  }],
});
const JSON_HEADERS = { "content-type": "application/json", "x-generation-id": GENERATION };
const STREAM_HEADERS = { "content-type": "text/event-stream", "x-generation-id": GENERATION };

function stream(gapMs: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (sent > 0 && gapMs > 0) await sleep(gapMs);
      if (sent < TOKENS.length) return controller.enqueue(TOKENS[sent++]!);
      controller.enqueue(LAST);
      controller.close();
    },
  }, { highWaterMark: 0 });
}

function json(bytes: number): Response {
  if (bytes === 0) return new Response(ANSWER, { headers: JSON_HEADERS });
  if (longAnswer.bytes !== bytes) {
    longAnswer = { bytes, answer: answer("A line of text.\n".repeat(bytes / 16)) };
  }
  return new Response(longAnswer.answer, { headers: JSON_HEADERS });
}

/** A member of a request's body, which stands at its end; 0 where it is not there. */
function number(name: string, body: string): number {
  return Number(new RegExp(`"${name}":(\\d+)`).exec(body)?.[1] ?? 0);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`UPSTREAM_URL=http://127.0.0.1:${port}/api/v1\nready`),
}, async (request) => {
  if (request.method === "GET") return new Response(MODELS, { headers: JSON_HEADERS });
  const body = await request.text();
  const end = body.slice(-1_000);
  if (!end.includes('"stream":true')) return json(number("answer_bytes", end));
  const gapMs = number("seed", end);
  return new Response(stream(gapMs), { headers: STREAM_HEADERS });
});
