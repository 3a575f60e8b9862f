/**
 * The recorded answers of testdata, passed on as they come from a network: as streams of bytes, cut
 * in two.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { utf8 } from "../../bytes/encodings.ts";
import { clientAnswer } from "./client_answer.ts";
import type { Answer, BookingEnding } from "../../books/booking.ts";
import type { Observed } from "../../metering/usage.ts";

const FOLDER = new URL("../../metering/testdata/", import.meta.url);
const LAST_CUT = 2_000;
const LONG_MS = 600_000;
const NEVER = new AbortController().signal;

type Usage = Pick<Observed, "inputTokens" | "outputTokens" | "cost" | "error">;

const SAMPLES: [name: string, usage: Usage][] = [
  ["chat.sse", { inputTokens: 37, outputTokens: 8, cost: "0.000007765", error: null }],
  ["chat_empty_choices.sse", {
    inputTokens: 37,
    outputTokens: 8,
    cost: "0.000007765",
    error: null,
  }],
  [
    "chat_error.sse",
    { inputTokens: null, outputTokens: null, cost: null, error: "429: Rate limit exceeded" },
  ],
  ["responses.sse", { inputTokens: 10, outputTokens: 25, cost: "0.0012", error: null }],
  ["messages.sse", { inputTokens: 117, outputTokens: 15, cost: "0.000797286", error: null }],
  ["image.sse", { inputTokens: 6, outputTokens: 1290, cost: "0.03879", error: null }],
];

const LINE_ENDS: [name: string, end: string][] = [["LF", "\n"], ["CR", "\r"], ["CR LF", "\r\n"]];

/** A stream of bytes that brings one chunk a read, into the reader's own buffer. */
function byteStream(chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest;
      assert.ok(request, "whoever reads brought no buffer");
      const chunk = chunks[next++];
      // A stream of bytes keeps what it is given.
      if (chunk) return controller.enqueue(chunk.slice());
      controller.close();
      request.respond(0);
    },
  });
}

/** What the client gets of an answer that comes in these chunks, and what is booked of it. */
async function passedOn(chunks: Uint8Array[]) {
  let observed: Observed | undefined;
  let ending: BookingEnding | undefined;
  const booking = {
    settled: Promise.resolve(),
    hurry() {},
    answering: (answer: Answer) => observed = answer.observed,
    firstByte() {},
    end: (end: BookingEnding) => ending = end,
  };
  const upstream = {
    status: 200,
    headers: new Headers({ "content-type": "text/event-stream" }),
    body: byteStream(chunks),
    abort() {},
  };
  const response = clientAnswer(upstream, {
    apiKey: "sk-or-v1-x",
    booking,
    whenRead: { kind: "answered" },
    whenHeard: null,
    linkOf: null,
    errorEvents: () => new Uint8Array(),
    idleTimeoutMs: LONG_MS,
    clientGone: NEVER,
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.ok(observed);
  const { inputTokens, outputTokens, cost, error } = observed;
  return { bytes, usage: { inputTokens, outputTokens, cost, error }, ending };
}

for (const [name, expected] of SAMPLES) {
  for (const [what, end] of LINE_ENDS) {
    Deno.test(`${name} with lines that end in ${what} passes byte for byte and is booked by its usage, cut in two anywhere in its first 2 000 bytes`, async () => {
      const sample = await Deno.readTextFile(new URL(name, FOLDER));
      const sent = utf8(sample.replaceAll("\n", end));
      for (let cut = 1; cut < Math.min(sent.length, LAST_CUT); cut++) {
        const { bytes, usage, ending } = await passedOn([
          sent.subarray(0, cut),
          sent.subarray(cut),
        ]);
        assert.equal(Buffer.compare(bytes, sent), 0, `cut at ${cut}`);
        assert.deepEqual(usage, expected, `cut at ${cut}`);
        assert.deepEqual(ending, { kind: "answered" });
      }
    });
  }
}
