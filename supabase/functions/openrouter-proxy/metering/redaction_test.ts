/** What leaves the gateway of an answer: no identifier of the operator's, and all that a model wrote. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { concatAll, utf8 } from "../bytes/encodings.ts";
import { createMeter } from "./meter.ts";
import { cut } from "../testing/cut.ts";

const USER = "user_2abcDEFghi0123456789XYZ";
const ORGANIZATION = "org_2zyxWVUtsr";
const WORKSPACE = "0b4f3c1e-5d0a-4a55-9a3e-1f2e3d4c5b6a";
const HASH = "0123456789abcdef".repeat(4);
const SECRETS = [USER, ORGANIZATION, WORKSPACE, HASH];

const JSON_TYPE = "application/json";
const SSE = "text/event-stream";
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

interface Answer {
  contentType: string;
  isError?: boolean;
  keepsLength?: boolean;
}

/** What comes out of an answer that comes in these chunks. */
function passed(
  { contentType, isError = false, keepsLength = false }: Answer,
  chunks: Uint8Array[],
) {
  const meter = createMeter({ contentType, isError, keepsLength, linkOf: null });
  const out = chunks.map((chunk) => meter.feed(chunk).slice());
  return text(concatAll([...out, meter.end()]));
}

function* cuttings(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

function assertClean(out: string, what: string): void {
  for (const secret of SECRETS) assert.ok(!out.includes(secret), `${what}: ${out}`);
  assert.ok(out.includes("[redacted]"), `${what}: ${out}`);
}

const NAMED = {
  user_id: USER,
  creator_user_id: USER,
  organization_id: ORGANIZATION,
  org_id: ORGANIZATION,
  workspace_id: WORKSPACE,
  guardrail_id: WORKSPACE,
  budget_id: WORKSPACE,
};
const RAW = JSON.stringify({ error: { message: `Key\n${HASH}\tof\u0007${USER}`, ...NAMED } });

/** Answers that speak of the account. */
const ANSWERS: [what: string, answer: unknown][] = [
  ["an error with a user", { error: { code: 402, message: "no" }, user_id: USER }],
  ["an error by itself", { error: { message: `No key ${HASH} of ${USER}`, ...NAMED } }],
  ["an error that is a text", { error: `${ORGANIZATION} has no key ${HASH}` }],
  ["errors in a list", [{ error: { message: HASH } }, { errors: [{ ...NAMED }] }]],
  ["a list of errors", { errors: [{ message: USER }, RAW] }],
  ["an error that quotes another", { error: { message: "x", metadata: { raw: RAW } } }],
  ["an error that quotes a quoted one", { error: { metadata: { raw: JSON.stringify(RAW) } } }],
  ["a word behind an escape", { error: { message: `\n${USER}`, raw: `<${HASH}` } }],
  ["a choice's error", {
    id: "gen-1",
    choices: [{ index: 0, message: { content: "" }, error: { message: USER, metadata: NAMED } }],
  }],
  ["a response's error", {
    type: "response.failed",
    response: { error: { message: USER }, ...NAMED },
  }],
  ["a Responses error", { type: "error", code: "x", message: `${USER} ${HASH}`, param: null }],
  ["a Messages error", { type: "error", error: { type: "api_error", message: RAW }, ...NAMED }],
  ["a message by itself", { message: `${USER} is disabled` }],
  ["GET /key", { data: { label: "sk-or-v1-0e6...1c96", limit: 5, ...NAMED, budgets: [NAMED] } }],
  ["GET /generation", { data: { id: "gen-1", total_cost: 0.1, ...NAMED } }],
  ["several workspaces", { data: { workspace_id: [WORKSPACE, WORKSPACE] } }],
  ["a workspace as an object", { data: { workspace_id: { id: WORKSPACE, of: [WORKSPACE] } } }],
];

for (const [what, answer] of ANSWERS) {
  for (const [spacing, indent] of [["", 0], [" over several lines", 2]] as const) {
    Deno.test(`an answer with ${what}${spacing} passes without the account, however it is cut`, () => {
      const bytes = utf8(JSON.stringify(answer, null, indent));
      for (const isError of [false, true]) {
        for (const chunks of cuttings(bytes)) {
          const out = passed({ contentType: JSON_TYPE, isError }, chunks);
          assertClean(out, JSON.stringify(chunks.map(text)));
          JSON.parse(out);
        }
      }
    });

    Deno.test(`an answer with ${what}${spacing} of a told length keeps it, however it is cut`, () => {
      const bytes = utf8(JSON.stringify(answer, null, indent));
      for (const isError of [false, true]) {
        for (const chunks of cuttings(bytes)) {
          const out = passed({ contentType: JSON_TYPE, isError, keepsLength: true }, chunks);
          assertClean(out, JSON.stringify(chunks.map(text)));
          assert.equal(utf8(out).length, bytes.length);
          JSON.parse(out);
        }
      }
    });
  }
}

const FRAMINGS: [what: string, frame: (json: string) => string][] = [
  ["LF", (json) => `data: ${json}\n\n`],
  ["CR", (json) => `event: error\rdata: ${json}\r\r`],
  ["CR LF", (json) => `data: ${json}\r\nid: 1\r\n\r\n`],
  ["no space", (json) => `data:${json}\n\n`],
  ["no blank line at its end", (json) => `: hi\n\ndata: ${json}`],
];

for (const [what, answer] of ANSWERS) {
  Deno.test(`an event with ${what} passes without the account, however it is framed and cut`, () => {
    const json = JSON.stringify(answer);
    for (const [framing, frame] of FRAMINGS) {
      const before = 'data: {"choices":[]}\n\n';
      for (const chunks of cuttings(utf8(`\ufeff${before}${frame(json)}`))) {
        const out = passed({ contentType: SSE }, chunks);
        assertClean(out, framing);
        assert.ok(out.startsWith(`\ufeff${before}`));
      }
    }
  });

  Deno.test(`an event with ${what} over several lines keeps its lines and is without the account`, () => {
    const lines = JSON.stringify(answer, null, 1).split("\n");
    for (const end of ["\n", "\r", "\r\n"]) {
      const event = `${lines.map((line) => `data: ${line}`).join(end)}${end}${end}`;
      for (const chunks of cuttings(utf8(event))) {
        const out = passed({ contentType: SSE }, chunks);
        assertClean(out, JSON.stringify(end));
        const data = out.split(end).filter((line) => line !== "");
        assert.equal(data.length, lines.length);
        JSON.parse(data.map((line) => line.replace(/^data: /, "")).join("\n"));
      }
    }
  });
}

Deno.test("an error over several lines is observed as if it had one", () => {
  const observed = (event: string) => {
    const meter = createMeter({
      contentType: SSE,
      isError: false,
      keepsLength: false,
      linkOf: null,
    });
    meter.feed(utf8(event));
    meter.end();
    return meter.observed.error;
  };
  assert.equal(observed('data: {"error":{"message":"no"}}\n\n'), "no");
  assert.equal(observed('data: {"error":{\ndata: "message":"no"\ndata: }}\n\n'), "no");
});

Deno.test("what a model wrote behind an error of several lines passes as it is", () => {
  const rest = `data: "choices":[{"delta":{"content":"${USER}"}}]}\n\n`;
  assert.equal(
    passed({ contentType: SSE }, [utf8(`data: {"error":{"m":"${USER}",\ndata: "n":1},\n${rest}`)]),
    `data: {"error":{"m":"[redacted]",\ndata: "n":1},\n${rest}`,
  );
});

Deno.test("an answer that ends within an error or an identifier says nothing of it", () => {
  const whole = JSON.stringify({ error: { message: `No key ${HASH}` }, workspace_id: WORKSPACE });
  const end = whole.length - 2;
  for (const keepsLength of [false, true]) {
    for (
      const cut of [whole.indexOf(HASH) + HASH.length, end, end - 1, end - WORKSPACE.length + 1]
    ) {
      const bytes = utf8(whole.slice(0, cut));
      for (const chunks of cuttings(bytes)) {
        const out = passed({ contentType: JSON_TYPE, keepsLength }, chunks);
        assert.ok(!out.includes(HASH) && !out.includes(WORKSPACE.slice(0, 8)), out);
        if (keepsLength) assert.equal(utf8(out).length, bytes.length);
        assert.ok(!passed({ contentType: SSE }, [utf8("data: "), ...chunks]).includes(HASH));
      }
    }
  }
});

Deno.test("what is held back of an error comes out when the answer ends within it", () => {
  const begun = '{"id":"g","error":{"code":502,"message":"it bro';
  for (const [contentType, before] of [[JSON_TYPE, ""], [SSE, "data: "]] as const) {
    for (const chunks of cuttings(utf8(before + begun))) {
      assert.equal(passed({ contentType }, chunks), before + begun);
    }
  }
});

Deno.test("an error that is no JSON passes whole and without the account", () => {
  const broken = `{"error":{"message":"${USER}","code":NaN,"metadata":"${HASH}"}}`;
  assert.equal(
    passed({ contentType: JSON_TYPE }, [utf8(broken)]),
    '{"error":{"message":"[redacted]","code":NaN,"metadata":"[redacted]"}}',
  );
});

Deno.test("an identifier that is no text is no identifier, and stays JSON", () => {
  const answer =
    '{"data":{"user_id":null,"org_id":123456789012,"workspace_id":[true,{"x":-1.5e9}]}}';
  for (const keepsLength of [false, true]) {
    for (const isError of [false, true]) {
      for (const chunks of cuttings(utf8(answer))) {
        assert.equal(passed({ contentType: JSON_TYPE, isError, keepsLength }, chunks), answer);
      }
    }
  }
});

Deno.test("what is redacted of an event is redacted of each one like it", () => {
  const event = (user: string) =>
    `data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"x"}}],"user_id":"${user}"}\n\n`;
  for (const chunks of [[event(USER).repeat(4)], Array(4).fill(event(USER))]) {
    assert.equal(passed({ contentType: SSE }, chunks.map(utf8)), event("[redacted]").repeat(4));
  }
});

Deno.test("the account is taken out of a choice, and of errors in a list, beside what a model wrote", () => {
  const answer = (user: string) =>
    JSON.stringify({
      choices: [{ index: 0, message: { content: USER }, user_id: user }],
      data: { errors: [{ message: `no ${user}` }], text: USER },
    });
  assert.equal(passed({ contentType: JSON_TYPE }, [utf8(answer(USER))]), answer("[redacted]"));
});

Deno.test("metadata of an error is the error's, and that of an answer the client's", () => {
  const raw = (user: string) => ({ metadata: { raw: `of ${user}` } });
  for (const error of [{ type: "error" }, { message: "it broke" }]) {
    assert.equal(
      passed({ contentType: JSON_TYPE }, [utf8(JSON.stringify({ ...error, ...raw(USER) }))]),
      JSON.stringify({ ...error, ...raw("[redacted]") }),
    );
  }
  const answer = JSON.stringify({ type: "message", message: { id: "x" }, ...raw(USER) });
  assert.equal(passed({ contentType: JSON_TYPE }, [utf8(answer)]), answer);
});

Deno.test("a member that is too long to be an identifier is valid JSON, of a length that is told", () => {
  for (const length of [1_000, 1_023]) {
    for (const filler of ["x", '\\"', "\\\\", String.raw`\u0022`]) {
      const value = filler.repeat(length / filler.length);
      const bytes = utf8(`{"user_id":"${value}${USER}"}`);
      const cuts = [800, 801, ...Array.from({ length: 20 }, (_, n) => 1_025 + n)];
      for (const at of [...cuts, ...Array.from({ length: 8 }, (_, n) => bytes.length - n)]) {
        const chunks = cut(bytes, [at]);
        const out = passed({ contentType: JSON_TYPE, keepsLength: true }, chunks);
        assert.equal(out.length, bytes.length);
        JSON.parse(out);
        assert.equal(passed({ contentType: JSON_TYPE }, chunks), '{"user_id":"[redacted]"}');
      }
    }
  }
});

Deno.test("what is too large to be held back passes in parts, and none tells of the account", () => {
  const long = "x".repeat(256 * 1024);
  for (
    const [begin, answer] of [
      [`{"error":{"message":"${long}`, { isError: true }],
      [`{"error":{"message":"${long}`, { isError: true, keepsLength: true }],
      [`{"error":{"message":"${long}`, { keepsLength: true }],
      [`{"data":{"user_id":"${long}`, { keepsLength: true }],
    ] as const
  ) {
    const quoted = String.raw`{\"workspace_id\":\"${WORKSPACE}\"}`;
    const chunks = [begin, ` ${USER}`, ` ${HASH} `, `${ORGANIZATION} `, quoted, '"}}'];
    const out = passed({ contentType: JSON_TYPE, ...answer }, chunks.map(utf8));
    const rest = out.slice(begin.length);
    assertClean(rest, JSON.stringify(answer));
    assert.equal(rest.match(/\[redacted\]/g)?.length, 4);
    if ("keepsLength" in answer) assert.equal(out.length, chunks.join("").length);
    JSON.parse(out);
  }
});

/** Texts, and members, that would be taken out of an error. */
const secret = fc.oneof(
  fc.constantFrom(...SECRETS, RAW, JSON.stringify(RAW), '"user_id":"x"', '{"error":{}}', "\\", '"'),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const writtenText = fc.array(secret, { maxLength: 4 }).map((parts) => parts.join(" "));
const writtenName = fc.oneof(
  fc.constantFrom(...Object.keys(NAMED), "error", "errors", "message", "data", "usage"),
  fc.string({ maxLength: 4 }),
);
/** What a model wrote as JSON. */
const { written } = fc.letrec<{ written: unknown }>((tie) => ({
  written: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    writtenText,
    fc.array(tie("written"), { maxLength: 3 }),
    fc.dictionary(writtenName, tie("written"), { maxKeys: 3 }),
  ),
}));
const writtenObject = fc.dictionary(writtenName, written, { maxKeys: 3 });

type Shape = (text: string, json: unknown, object: Record<string, unknown>) => unknown;

const WHOLE: [what: string, shape: Shape][] = [
  ["chat", (text, _, object) => ({
    id: "gen-1",
    choices: [{
      message: {
        content: text,
        refusal: text,
        reasoning: text,
        reasoning_details: [{ type: "reasoning.text", text }, { ...object }],
        tool_calls: [{ function: { name: text, arguments: JSON.stringify(object) } }],
        annotations: [object],
        images: [{ image_url: { url: text } }],
      },
      logprobs: { content: [{ token: text, ...object }] },
      finish_reason: "stop",
    }],
    usage: { cost: 1 },
  })],
  ["completions", (text) => ({ id: "gen-1", choices: [{ text, logprobs: { tokens: [text] } }] })],
  ["responses", (text, json, object) => ({
    id: "gen-1",
    object: "response",
    error: null,
    instructions: text,
    metadata: object,
    tools: [{ type: "function", parameters: object }],
    text: { format: { schema: object } },
    output: [
      { type: "message", content: [{ type: "output_text", text, annotations: [json] }] },
      { type: "function_call", arguments: JSON.stringify(object) },
      { type: "custom_tool_call", input: text },
      { type: "mcp_call", output: text, error: object },
      { type: "reasoning", summary: [object] },
      object,
    ],
  })],
  ["messages", (text, json, object) => ({
    type: "message",
    id: "gen-1",
    content: [
      { type: "text", text, citations: [object] },
      { type: "thinking", thinking: text },
      { type: "tool_use", name: text, input: object },
      { type: "server_tool_use", input: { json } },
      { type: "web_search_tool_result", content: [object] },
    ],
    stop_reason: "tool_use",
  })],
  ["embeddings", (text) => ({ data: [{ embedding: [0.1, -1e-7], object: text }], model: "m" })],
  ["rerank", (text, json, object) => ({
    results: [{ index: 0, relevance_score: 1, document: { text, ...object } }, { document: json }],
    documents: [text, object, { json }],
  })],
  ["systemone", (text, json, object) => ({
    answers: {
      column: {
        type: "choice",
        choice: text,
        confidence: 0.9,
        probabilities: { user_id: 0.9, organization_id: 0.1 },
      },
      user_id: { type: "noul", value: true },
      error: { type: "score", json },
      ...object,
    },
    model: "typesafe/jev-1.13",
    usage: { input_tokens: 5, output_tokens: 3 },
  })],
  ["images", (text) => ({ data: [{ b64_json: text, revised_prompt: text }] })],
  ["transcriptions", (text) => ({ text, segments: [{ text }], words: [{ word: text }] })],
  ["videos", (text) => ({ id: "gen-vid-1", status: "completed", unsigned_urls: [text] })],
];

const EVENTS: [what: string, shape: Shape][] = [
  ["chat", (text, _, object) => ({
    choices: [{
      delta: {
        content: text,
        reasoning_details: [object],
        tool_calls: [{ function: { arguments: JSON.stringify(object).slice(0, 9) } }],
      },
    }],
  })],
  ["completions", (text) => ({ choices: [{ text }] })],
  ["response.output_text.delta", (text) => ({ type: "response.output_text.delta", delta: text })],
  ["response.output_text.done", (text) => ({ type: "response.output_text.done", text })],
  ["response.function_call_arguments.done", (text, _, object) => ({
    type: "response.function_call_arguments.done",
    name: text,
    arguments: JSON.stringify(object),
  })],
  ["response.custom_tool_call_input.done", (text) => ({ input: text })],
  ["response.content_part.done", (text, _, object) => ({ part: { type: "x", text, ...object } })],
  ["response.output_item.done", (text, json, object) => ({ item: { text, json, ...object } })],
  ["response.completed", (text, json, object) => ({
    type: "response.completed",
    response: { error: null, output: [{ text, json }, object], metadata: object },
  })],
  ["content_block_start", (text, json, object) => ({
    type: "content_block_start",
    content_block: { type: "tool_use", text, input: { json }, ...object },
  })],
  ["content_block_delta", (text, _, object) => ({
    type: "content_block_delta",
    delta: { type: "citations_delta", text, partial_json: text, citation: object, ...object },
  })],
  ["message_start", (text, _, object) => ({
    type: "message_start",
    message: { id: "gen-1", content: [{ text }, object] },
  })],
  ["transcript.text.delta", (text) => ({ type: "transcript.text.delta", delta: text })],
  ["image_generation.completed", (text) => ({ b64_json: text, usage: { cost: 1 } })],
];

const places = fc.array(fc.nat(), { maxLength: 5 });

for (const [what, shape] of WHOLE) {
  Deno.test(`what a model wrote in an answer of ${what} is never changed`, () => {
    fc.assert(
      fc.property(writtenText, written, writtenObject, fc.nat({ max: 1 }), places, fc.boolean(), (
        text,
        json,
        object,
        indent,
        at,
        keepsLength,
      ) => {
        const answer = JSON.stringify(shape(text, json, object), null, indent);
        const chunks = cut(utf8(answer), at);
        assert.equal(passed({ contentType: JSON_TYPE, keepsLength }, chunks), answer);
      }),
      { numRuns: 150 },
    );
  });
}

for (const [what, shape] of EVENTS) {
  Deno.test(`what a model wrote in an event of ${what} is never changed`, () => {
    fc.assert(
      fc.property(writtenText, written, writtenObject, places, (text, json, object, at) => {
        const event = `data: ${JSON.stringify(shape(text, json, object))}\n\n`;
        assert.equal(passed({ contentType: SSE }, cut(utf8(event.repeat(2)), at)), event.repeat(2));
      }),
      { numRuns: 150 },
    );
  });

  Deno.test(`no byte of an event of ${what} is held back`, () => {
    const event = JSON.stringify(shape(`${USER} é`, [HASH], { text: RAW }))
      // Whether there is an error cannot be known before the value's last letter.
      .replace('"error":null,', "");
    const meter = createMeter({
      contentType: SSE,
      isError: false,
      keepsLength: false,
      linkOf: null,
    });
    for (const byte of utf8(`data: ${event}\r\n\r\n`)) {
      assert.deepEqual(meter.feed(Uint8Array.of(byte)), Uint8Array.of(byte));
    }
  });
}

Deno.test("an error is held back to the end of its value, and nothing behind it", () => {
  const meter = createMeter({ contentType: SSE, isError: false, keepsLength: false, linkOf: null });
  const steps: [chunk: string, passed: string][] = [
    ['data: {"id":"g","error":', 'data: {"id":"g","error":'],
    [`{"message":"${USER}`, ""],
    ['"},', '{"message":"[redacted]"},'],
    [`"user_id":"${USER.slice(0, 9)}`, '"user_id":'],
    [`${USER.slice(9)}"}`, '"[redacted]"}'],
    ["\n", "\n"],
    ['\ndata: {"error":{"a"', '\ndata: {"error":'],
    ["\n\n", '{"a"\n\n'],
  ];
  for (const [chunk, expected] of steps) assert.equal(text(meter.feed(utf8(chunk))), expected);
  assert.equal(meter.end().length, 0);
});
