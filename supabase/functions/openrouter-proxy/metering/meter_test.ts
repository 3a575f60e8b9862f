import assert from "node:assert/strict";
import { concat } from "../bytes/encodings.ts";
import { createMeter, isEventStream } from "./meter.ts";
import { nothingObserved, type Observed } from "./usage.ts";

const FOLDER = new URL("./testdata/", import.meta.url);
const SSE = "text/event-stream";

const utf8 = (text: string) => new TextEncoder().encode(text);

function meterOf(contentType: string | null) {
  return createMeter({ contentType, isError: false, keepsLength: false, linkOf: null });
}

/** What a meter learns of a body that comes in these chunks. */
function metered(contentType: string | null, ...chunks: (string | Uint8Array)[]): Observed {
  const meter = meterOf(contentType);
  for (const chunk of chunks) meter.feed(typeof chunk === "string" ? utf8(chunk) : chunk);
  meter.end();
  return { ...meter.observed, messageTokens: nothingObserved().messageTokens };
}

/** What is observed, but for the parts that it is added up of. */
function expected(members: Partial<Observed>): Observed {
  return { ...nothingObserved(), ...members };
}

const CHAT = expected({
  id: "gen-1791383960-abcDEF0123456789",
  model: "deepseek/deepseek-v4.1-flash",
  provider: "InferenceNet",
  inputTokens: 37,
  outputTokens: 8,
  cachedTokens: 0,
  reasoningTokens: 8,
  nativeFinishReason: "length",
  cost: "0.000007765",
});

const FIXTURES: [name: string, expected: Observed][] = [
  ["chat.sse", CHAT],
  ["chat_empty_choices.sse", { ...CHAT, nativeFinishReason: null }],
  [
    "chat_error.sse",
    expected({
      id: "gen-1791383960-abcDEF0123456789",
      model: "m",
      provider: "OpenAI",
      error: "429: Rate limit exceeded",
    }),
  ],
  [
    "responses.sse",
    expected({
      id: "gen-1791383961-r",
      model: "openai/gpt-4o-mini",
      inputTokens: 10,
      outputTokens: 25,
      cachedTokens: 4,
      reasoningTokens: 3,
      nativeFinishReason: "completed",
      status: "completed",
      cost: "0.0012",
    }),
  ],
  [
    "messages.sse",
    expected({
      id: "gen-1791383962-m",
      model: "anthropic/claude-sonnet-4.5",
      provider: "Anthropic",
      inputTokens: 117,
      outputTokens: 15,
      cachedTokens: 100,
      nativeFinishReason: "end_turn",
      cost: "0.000797286",
    }),
  ],
  ["image.sse", expected({ inputTokens: 6, outputTokens: 1290, cost: "0.03879" })],
];

const FRAMINGS: [what: string, frame: (stream: string) => string][] = [
  ["as it was on the wire", (stream) => stream],
  ["with lines that end in CR", (stream) => stream.replaceAll("\n", "\r")],
  ["with lines that end in CR LF", (stream) => stream.replaceAll("\n", "\r\n")],
  ["with a byte order mark", (stream) => `\ufeff${stream}`],
  ["without a space after the colon", (stream) => stream.replaceAll(/^(data|event): /gm, "$1:")],
  ["without its last blank line", (stream) => stream.trimEnd()],
  ["without [DONE]", (stream) => stream.replace("data: [DONE]\n\n", "")],
  ["with comments between its events", (stream) => stream.replaceAll("\n\n", "\n\n: hi\n\n")],
  ["with an id in each event", (stream) => stream.replaceAll(/^data/gm, "id: 1\ndata")],
  ["with null usage at its end", (stream) => `${stream}data: {"usage":null}\n\n`],
];

for (const [name, observed] of FIXTURES) {
  for (const [what, frame] of FRAMINGS) {
    Deno.test(`${name} is read ${what}, cut in two anywhere in its first 2 000 bytes`, async () => {
      const bytes = utf8(frame(await Deno.readTextFile(new URL(name, FOLDER))));
      for (let at = 0; at <= Math.min(bytes.length, 2_000); at++) {
        const halves = [bytes.subarray(0, at), bytes.subarray(at)];
        assert.deepEqual(metered(SSE, ...halves), observed, `cut at ${at}`);
      }
    });

    Deno.test(`${name} is read ${what}, byte by byte`, async () => {
      const bytes = utf8(frame(await Deno.readTextFile(new URL(name, FOLDER))));
      assert.deepEqual(metered(SSE, ...Array.from(bytes, (byte) => Uint8Array.of(byte))), observed);
    });
  }
}

const chunk = (members: string) => `data: {"id":"gen-1","choices":[],${members}}\n\n`;
const USAGE = chunk('"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":0.5}');
const BOOKED = expected({ id: "gen-1", inputTokens: 1, outputTokens: 2, cost: "0.5" });

/** A text in pieces of 64 KiB, as a network brings it. */
function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += 65_536) yield text.slice(at, at + 65_536);
}

// openai-go #368: lines over 64 KB or 1 MB were truncated.
for (const megabytes of [0.1, 1.5, 24]) {
  Deno.test(`an event of ${megabytes} MB is read`, () => {
    const filler = chunk(
      `"x":"${"y".repeat(megabytes * 1024 * 1024)}","usage":{"completion_tokens":7}`,
    );
    const observed = metered(SSE, ...pieces(filler), USAGE);
    assert.deepEqual(observed, BOOKED);
    assert.equal(metered(SSE, ...pieces(filler)).outputTokens, 7);
  });
}

Deno.test("an event of many lines that is no JSON does no harm", () => {
  const lines = `data: ${"y".repeat(1024 * 1024)}\n`.repeat(9);
  assert.deepEqual(metered(SSE, ...pieces(`${lines}\n`), USAGE), BOOKED);
});

Deno.test("an event of several data lines is one message", () => {
  const lines = 'data: {"id":"gen-1",\ndata: "usage":{"prompt_tokens":1,"completion_tokens":2,\n' +
    'data: "cost":0.5}}\n\n';
  assert.deepEqual(metered(SSE, lines), BOOKED);
});

for (const bad of ["data: {\n\n", "data\n\n", "retry: x\n\n", "nonsense\n\n", "\0\n\n", "\n\n\n"]) {
  Deno.test(`${JSON.stringify(bad)} in a stream does no harm`, () => {
    assert.deepEqual(metered(SSE, bad, USAGE, bad), BOOKED);
  });
}

Deno.test("bytes that are no UTF-8 in a stream do no harm", () => {
  assert.deepEqual(metered(SSE, Uint8Array.of(0xff, 0xc3, 0x0a, 0x0a), USAGE), BOOKED);
});

Deno.test("a message that is nested too deeply to parse does no harm", () => {
  const deep = `data: {"id":"gen-1","usage":${"[".repeat(1_000_000)}\n\n`;
  assert.deepEqual(metered(SSE, ...pieces(deep), USAGE), BOOKED);
});

Deno.test("a generated text that looks like usage or an error is text", () => {
  const text = JSON.stringify('"usage":{"cost":9},"error":{"message":"no"}');
  assert.deepEqual(
    metered(SSE, chunk('"model":"m"'), chunk(`"x":${text}`), USAGE),
    { ...BOOKED, model: "m" },
  );
});

const JSON_ANSWER = '{"id":"gen-1","usage":{"prompt_tokens":1,"completion_tokens":2,"cost":0.5}}';

for (
  const contentType of [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/problem+json",
  ]
) {
  Deno.test(`an answer of ${contentType} is read, however it is cut`, () => {
    for (let at = 0; at <= JSON_ANSWER.length; at++) {
      const halves = [JSON_ANSWER.slice(0, at), JSON_ANSWER.slice(at)];
      assert.deepEqual(metered(contentType, ...halves), BOOKED);
    }
  });
}

Deno.test("a JSON answer is read across characters that are cut", () => {
  const answer = utf8('{"id":"gen-日本🙂"}');
  for (let at = 0; at <= answer.length; at++) {
    const { id } = metered("application/json", answer.subarray(0, at), answer.subarray(at));
    assert.equal(id, "gen-日本🙂");
  }
});

Deno.test("a byte order mark within a name makes no field of events of it", () => {
  const stream = `da\ufeffta: {"id":"gen-1"}\n\ndata: {"usage":{"cost":1}}\n\n`;
  const { id, cost } = metered(SSE, utf8(stream));
  assert.deepEqual([id, cost], [null, "1"]);
});

for (const [what, end] of [["LF", "\n"], ["CR", "\r"], ["CR LF", "\r\n"]] as const) {
  Deno.test(`an event over several lines is read where lines end in ${what}`, () => {
    const lines = ['data: {"usage":', 'data: {"cost":1}}', "", ""];
    assert.equal(metered(SSE, utf8(lines.join(end))).cost, "1");
  });
}

const TYPES: (string | null)[] = [null, "", "text/plain", "text/html", SSE, "application/json"];
const BEGINNINGS: [what: string, text: string][] = [
  ["at once", ""],
  ["after white space", " \r\n\t "],
  ["after a byte order mark", "\ufeff"],
];

for (const contentType of TYPES) {
  for (const [when, beginning] of BEGINNINGS) {
    Deno.test(`JSON that begins ${when} is read under the type ${contentType}, however it is cut`, () => {
      const answer = utf8(beginning + JSON_ANSWER);
      for (let at = 0; at <= answer.length; at++) {
        const halves = [answer.subarray(0, at), answer.subarray(at)];
        assert.deepEqual(metered(contentType, ...halves), BOOKED, `cut at ${at}`);
      }
      assert.deepEqual(
        metered(contentType, ...Array.from(answer, (byte) => Uint8Array.of(byte))),
        BOOKED,
      );
    });
  }

  for (const beginning of ["", ": hi\n\n", "event: x\n", "id: 1\n", "retry: 7\n\n", "\r\n"]) {
    Deno.test(`a stream of events that begins with ${JSON.stringify(beginning)} is read under the type ${contentType}, however it is cut`, () => {
      const stream = beginning + USAGE;
      for (let at = 0; at <= stream.length; at++) {
        const halves = [stream.slice(0, at), stream.slice(at)];
        assert.deepEqual(metered(contentType, ...halves), BOOKED, `cut at ${at}`);
      }
      assert.deepEqual(metered(contentType, ...stream), BOOKED);
    });
  }
}

for (const contentType of ["audio/mpeg", "video/mp4", "application/octet-stream"]) {
  Deno.test(`an answer of ${contentType} is not read, whatever it begins with`, () => {
    assert.deepEqual(metered(contentType, JSON_ANSWER), expected({}));
    assert.deepEqual(metered(contentType, USAGE), expected({}));
  });
}

for (const text of ["dates: none", "d", "<html>", "hello", "ideas: 1", "data", "{ no JSON }"]) {
  Deno.test(`the text ${JSON.stringify(text)} says nothing, and passes as it comes`, () => {
    const meter = meterOf("text/plain");
    const passed = [...text].map((character) => utf8(character));
    for (const chunk of passed) assert.equal(meter.feed(chunk), chunk);
    assert.deepEqual(meter.end(), new Uint8Array());
    assert.deepEqual(meter.observed, expected({}));
    assert.deepEqual([meter.isEmpty(), meter.isCut()], [false, false]);
  });
}

Deno.test("an error in a stream of events that is JSON in truth is read, and redacted", () => {
  const meter = meterOf(SSE);
  const error = '{"error":{"code":429,"message":"slow down"},"user_id":"user_2d"}';
  const passed = meter.feed(utf8(error));
  assert.equal(
    new TextDecoder().decode(passed),
    error.replace("user_2d", "[redacted]"),
  );
  assert.equal(meter.observed.error, "429: slow down");
  assert.deepEqual([meter.progress.hasBegun, meter.isEmpty()], [false, false]);
});

for (const answer of ["", "{", '{"id":', "[]", "<html>", "\0", "[".repeat(1_000_000)]) {
  Deno.test(`an answer of ${answer.length} bytes that is no JSON object says nothing`, () => {
    assert.deepEqual(metered("application/json", answer), expected({}));
  });
}

Deno.test("a JSON answer says nothing before its last brace", () => {
  const meter = meterOf("application/json");
  meter.feed(utf8(JSON_ANSWER.slice(0, -1)));
  assert.deepEqual(meter.observed, expected({}));
  meter.feed(utf8("}"));
  assert.deepEqual(meter.observed, BOOKED);
});

Deno.test("a JSON answer of any size is read", () => {
  const large = `{"x":"${"y".repeat(20_000_000)}",${JSON_ANSWER.slice(1)}`;
  assert.deepEqual(metered("application/json", ...pieces(large)), BOOKED);
});

Deno.test("an answer's numbers by the million are passed over", () => {
  const vector = "-0.01234567,".repeat(100_000);
  const answer = `{"data":[{"embedding":[${vector}0]}],${JSON_ANSWER.slice(1)}`;
  assert.deepEqual(metered("application/json", ...pieces(answer)), BOOKED);
});

Deno.test("usage that is larger than any can be is not read", () => {
  const usage = `{"cost":1,"x":"${"y".repeat(70_000)}"}`;
  assert.deepEqual(
    metered("application/json", `{"id":"gen-1","usage":${usage}}`),
    expected({ id: "gen-1" }),
  );
});

Deno.test("isEventStream knows a stream by its media type alone", () => {
  assert.equal(isEventStream("text/event-stream"), true);
  assert.equal(isEventStream("Text/Event-Stream; charset=utf-8"), true);
  assert.equal(isEventStream("text/event-streams"), false);
  assert.equal(isEventStream("application/json"), false);
  assert.equal(isEventStream(null), false);
});

const EMPTY: [what: string, contentType: string | null, body: string, isEmpty: boolean][] = [
  ["a stream of 0 bytes", SSE, "", true],
  ["a stream of comments", SSE, ": OPENROUTER PROCESSING\n\n: x\n\n", true],
  ["a stream of [DONE] alone", SSE, "data: [DONE]\n\n", true],
  ["a stream of pings", SSE, 'event: ping\ndata: {"type":"ping"}\n\n'.repeat(2), true],
  ["a stream of an event", SSE, 'data: {"x":1}\n\n', false],
  ["JSON of 0 bytes", "application/json", "", true],
  ["JSON of white space", "application/json", "  \n", true],
  ["JSON that is null", "application/json", "null", true],
  ["JSON that ends within itself", "application/json", '{"id":"gen-1"', true],
  ["a JSON object", "application/json", "{}", false],
  ["a text of 0 bytes", "text/plain", "", true],
  ["a text", "text/plain", "x", false],
  ["a text that looks like a comment of a stream", "text/plain", ": x", false],
  ["speech of 0 bytes", "audio/mpeg", "", true],
  ["speech", "audio/mpeg", "\0", false],
];

for (const [what, contentType, body, isEmpty] of EMPTY) {
  Deno.test(`${what} is ${isEmpty ? "empty" : "not empty"}`, () => {
    const meter = meterOf(contentType);
    meter.feed(utf8(body));
    meter.end();
    assert.equal(meter.isEmpty(), isEmpty);
  });
}

const CHUNK = '{"id":"gen-1","choices":[{"delta":{"content":"x"},"finish_reason":null}]}';
const TWO = '{"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}';
const FIRST_STOPPED = '{"choices":[{"index":0,"finish_reason":"stop"}]}';
const SECOND_STOPPED = '{"choices":[{"index":1,"finish_reason":"length"}]}';
const PARTIAL_IMAGE = '{"type":"image_generation.partial_image","b64_json":"iVBO"}';
const WHOLE_IMAGE = '{"type":"image_generation.completed","b64_json":"iVBORw0K"}';
const CUTS: [what: string, events: string[], isCut: boolean][] = [
  ["a chat without an end", [CHUNK, CHUNK], true],
  ["a chat that stops in the middle of an event", [CHUNK, '{"id":"gen-1","choi'], true],
  ["a response without an end", ['{"type":"response.created","response":{"id":"r"}}'], true],
  ["a response without beginning and end", ['{"type":"response.in_progress"}'], true],
  ["a message without an end", ['{"type":"message_start","message":{"id":"m"}}'], true],
  [
    "a message without an end, whose beginning counts an output of 1",
    ['{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}'],
    true,
  ],
  ["[DONE]", [CHUNK, "[DONE]"], false],
  ["a reason to stop", [CHUNK, '{"choices":[{"finish_reason":"stop"}]}'], false],
  [
    "a reason to stop, with spaces after its colons",
    [CHUNK, '{"choices" : [ { "finish_reason" : "stop" } ]}'],
    false,
  ],
  ["a reason to stop of one of two choices", [TWO, FIRST_STOPPED], true],
  ["a reason to stop of one choice before the other has begun", [FIRST_STOPPED, TWO], true],
  ["the reasons to stop of two choices", [TWO, FIRST_STOPPED, SECOND_STOPPED], false],
  ["[DONE] after one of two choices", [TWO, FIRST_STOPPED, "[DONE]"], false],
  ["usage", [CHUNK, '{"choices":[],"usage":{"completion_tokens":0}}'], false],
  ["an error", [CHUNK, '{"error":{"code":502,"message":"x"}}'], false],
  [
    "the end of a message",
    ['{"type":"message_start","message":{"id":"m"}}', '{"type":"message_stop"}'],
    false,
  ],
  [
    "the end of a response that tells no usage",
    [
      '{"type":"response.created","response":{"id":"r"}}',
      '{"type":"response.completed","response":{"id":"r","usage":null}}',
    ],
    false,
  ],
  [
    "an incomplete response that tells no usage",
    [
      '{"type":"response.created","response":{"id":"r"}}',
      '{"type":"response.incomplete","response":{"id":"r","usage":null}}',
    ],
    false,
  ],
  ["a part of an image", [PARTIAL_IMAGE], true],
  ["an image that is whole", [PARTIAL_IMAGE, PARTIAL_IMAGE, WHOLE_IMAGE], false],
  ["an event behind a whole image", [PARTIAL_IMAGE, WHOLE_IMAGE, '{"type":"progress"}'], false],
  ["a part of a second image", [PARTIAL_IMAGE, WHOLE_IMAGE, PARTIAL_IMAGE], true],
  ["events of another kind", ['{"type":"progress"}', "hello"], false],
  ["no events", [], false],
];

for (const [what, events, isCut] of CUTS) {
  Deno.test(`a stream that ends with ${what} ${isCut ? "was cut" : "is whole"}`, () => {
    const meter = meterOf(SSE);
    for (const data of events) meter.feed(new TextEncoder().encode(`data: ${data}\n\n`));
    meter.end();
    assert.equal(meter.isCut(), isCut);
  });
}

Deno.test("the end of a stream is read in an event of any size", () => {
  const meter = meterOf(SSE);
  const end = `data: {"type":"response.completed","x":"${"y".repeat(10_000_000)}"}\n\n`;
  for (const piece of [`data: ${CHUNK}\n\n`, end.slice(0, -3), end.slice(-3)]) {
    meter.feed(utf8(piece));
  }
  meter.end();
  assert.equal(meter.isCut(), false);
});

const DONE: [what: string, events: string[], isOver: boolean, isDone: boolean][] = [
  ["a chunk", [CHUNK], false, false],
  ["a reason to stop, which usage may follow", [CHUNK, FIRST_STOPPED], true, false],
  ["[DONE]", [CHUNK, "[DONE]"], true, true],
  ["the last event of a message", ['{"type":"message_stop"}'], true, true],
  [
    "the last event of a response, which [DONE] may follow",
    ['{"type":"response.completed","response":{}}'],
    true,
    false,
  ],
];

const PARTS: [what: string, events: string[], mayTellMore: boolean][] = [
  ["a chunk", [CHUNK], true],
  ["usage alone", ['{"choices":[],"usage":{"cost":0.5}}'], false],
  ["usage behind a chunk", [CHUNK, '{"choices":[],"usage":{"cost":0.5}}'], true],
  ["usage behind a reason to stop", [FIRST_STOPPED, '{"choices":[],"usage":{"cost":0.5}}'], false],
  ["[DONE]", [CHUNK, "[DONE]"], false],
  ["an error", [CHUNK, '{"error":{"message":"late"}}'], false],
  [
    "usage within a message",
    [
      '{"type":"message_start","message":{}}',
      '{"type":"message_delta","delta":{"stop_reason":null},"usage":{"cost":0.5}}',
    ],
    true,
  ],
  [
    "the usage of a message that has stopped",
    [
      '{"type":"message_start","message":{}}',
      '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"cost":0.5}}',
    ],
    false,
  ],
  ["the whole of an image", ['{"type":"image_generation.completed","usage":{"cost":0.5}}'], false],
  [
    "a part of an image",
    ['{"type":"image_generation.partial_image","usage":{"cost":0.5}}'],
    true,
  ],
];

for (const [what, events, mayTellMore] of PARTS) {
  Deno.test(`with ${what} a stream ${mayTellMore ? "may tell more of" : "has told"} its usage`, () => {
    const meter = meterOf(SSE);
    for (const data of events) meter.feed(utf8(`data: ${data}\n\n`));
    assert.equal(meter.progress.mayTellMore, mayTellMore);
  });
}

Deno.test("JSON that has told its usage tells no more of it", () => {
  const meter = meterOf("application/json");
  meter.feed(utf8('{"choices":[{"index":0}],"usage":{"cost":0.5}}'));
  assert.equal(meter.progress.mayTellMore, false);
});

const USED = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"cost":0.5}}';
const LATE = [
  '{"error":{"code":500,"message":"late"}}',
  '{"type":"error","error":{"type":"api_error","message":"late"}}',
  '{"choices":[{"index":0,"finish_reason":"error"}]}',
];

for (
  const [what, last] of [
    ["[DONE]", "[DONE]"],
    ["the last event of a message", '{"type":"message_stop"}'],
    ["the last event of a response", '{"type":"response.completed","response":{}}'],
  ] as const
) {
  Deno.test(`an error behind ${what} is none of the answer's, in one chunk with it and alone`, () => {
    for (const error of LATE) {
      const events = [CHUNK, USED, last, error].map((data) => utf8(`data: ${data}\n\n`));
      for (const chunks of [events, [concat(...events)]]) {
        const meter = meterOf(SSE);
        for (const chunk of chunks) meter.feed(chunk);
        meter.end();
        assert.deepEqual([meter.observed.error, meter.observed.cost], [null, "0.5"]);
      }
    }
  });
}

Deno.test("behind its end a stream tells nothing", () => {
  const meter = meterOf(SSE);
  for (const data of [CHUNK, "[DONE]", USED]) meter.feed(utf8(`data: ${data}\n\n`));
  assert.deepEqual([meter.observed.cost, meter.progress.events], [null, 1]);
});

Deno.test("while a stream may still begin, it is neither done nor cut", () => {
  const meter = meterOf("text/plain");
  for (const chunk of ["", "\n", "da"]) {
    meter.feed(utf8(chunk));
    assert.deepEqual([meter.isDone(), meter.isCut(), meter.endsInHalf()], [false, false, false]);
  }
});

for (const [what, events, isOver, isDone] of DONE) {
  Deno.test(`with ${what} a stream is ${isOver ? "over" : "not over"}, and ${isDone ? "nothing" : "more"} follows`, () => {
    const meter = meterOf(SSE);
    for (const data of events) meter.feed(utf8(`data: ${data}\n\n`));
    assert.deepEqual([meter.progress.isOver, meter.isDone()], [isOver, isDone]);
  });
}

for (
  const [what, events, begins] of [
    ["nothing but a comment", ": hi\n\n", false],
    ["an error", 'data: {"error":{"message":"x"}}\n\n', true],
    ["an error behind a comment", ': hi\n\ndata: {"type":"error","message":"x"}\n\n', true],
    ["an error and more", 'data: {"error":{"message":"x"}}\n\ndata: {"id":"gen-1"}\n\n', true],
    [
      "an answer, and then an error",
      `data: ${CHUNK}\n\ndata: {"error":{"message":"x"}}\n\n`,
      false,
    ],
  ] as const
) {
  Deno.test(`a stream of ${what} begins ${begins ? "" : "not "}with an error`, () => {
    const meter = meterOf(SSE);
    meter.feed(utf8(events));
    assert.equal(meter.progress.beginsWithError, begins);
  });
}

const BEGINNINGS_OF_ANSWERS: [what: string, type: string, body: string, hasBegun: boolean][] = [
  ["nothing", SSE, ": hi\n\n", false],
  // OpenRouter may bill the prompt by then.
  ["an error event", SSE, 'data: {"error":{"message":"x"}}\n\n', true],
  ["an error in place of a stream", SSE, '{"error":{"message":"x"}}', false],
  ["an error in place of JSON", "application/json", '{"error":{"message":"x"}}', false],
  [
    "an error in a choice",
    "application/json",
    '{"choices":[{"error":{"message":"x"}}]}',
    true,
  ],
  ["bytes", "audio/mpeg", "ID3", true],
];

for (const [what, type, body, hasBegun] of BEGINNINGS_OF_ANSWERS) {
  Deno.test(`with ${what} an answer has ${hasBegun ? "" : "not "}begun`, () => {
    const meter = meterOf(type);
    meter.feed(utf8(body));
    assert.equal(meter.progress.hasBegun, hasBegun);
  });
}
