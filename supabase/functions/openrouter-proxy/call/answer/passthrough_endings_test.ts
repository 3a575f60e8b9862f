import assert from "node:assert/strict";
import { ClientDisconnected } from "../../errors.ts";
import type { BookingEnding } from "../../books/booking.ts";
import {
  broken,
  COMMENT,
  errorEvent,
  readPassage,
  rest,
  settled,
  textOf,
  utf8,
} from "../../testing/passages.ts";

const USAGE = 'data: {"choices":[],"usage":{"cost":0.5}}\n\n';
const DONE = "data: [DONE]\n\n";

const CUT = errorEvent(
  "upstream_unreachable",
  "OpenRouter's answer ended before it was complete",
);

for (const answer of ["", '{"usage":{"cost":0.5}}']) {
  Deno.test(`passOn ends with the last byte of a length of ${answer.length}, however late the end comes`, async () => {
    const length = answer.length;
    const { log, reader, send, close } = readPassage({ contentType: "application/json", length });
    if (length > 0) send(answer);
    assert.equal(await rest(reader), answer);
    assert.ok(log.includes(length > 0 ? "answered, cost 0.5" : "empty, cost null"), log.join());
    close();
    await settled();
  });
}

Deno.test("passOn ends with the last byte of a length, though it holds some of it back", async () => {
  const answer = '{"error":{"message":"it bro';
  const { reader, send, close } = readPassage({
    contentType: "application/json",
    length: answer.length,
  });
  send(answer);
  assert.equal(await rest(reader), answer);
  close();
  await settled();
});

Deno.test("passOn passes on what it held back of events that end too early and do not say what they are", async () => {
  const { endings, reader, send, close } = readPassage({ contentType: "text/plain" });
  const begun = 'data: {"choices":[{"index":0}]}\n\ndata: {"user_id":"';
  send(`${begun}user_2d`);
  close();
  const { text, error } = await broken(reader);
  assert.equal(text, `${begun}[redacted]`);
  assert.equal((error as { type?: string }).type, "upstream_unreachable");
  assert.deepEqual(endings.map(({ kind }) => kind), ["broken"]);
});

Deno.test("passOn breaks off a stream that ends before it said that it was over", async () => {
  const { endings, reader, send, close } = readPassage();
  const event = 'data: {"id":"gen-1","choices":[{"delta":{"content":"x"}}]}\n\n';
  send(event);
  close();
  const { text, error } = await broken(reader);
  assert.equal(text, event + CUT);
  assert.equal((error as { type?: string }).type, "upstream_unreachable");
  assert.deepEqual(endings.map(({ kind }) => kind), ["broken"]);
});

const PARTIAL_IMAGE = 'data: {"type":"image_generation.partial_image","b64_json":"iVBO"}\n\n';

for (
  const [what, before, half] of [
    ["its first event", "", 'data: {"id":"gen-1","choices":[{"delta'],
    ["its first event, in a number", "", "data: [1,2"],
    ["an event behind a comment", ": OPENROUTER PROCESSING\n\n", "data: {"],
    ["an image", PARTIAL_IMAGE, 'data: {"type":"image_generation.completed","b64_json":"iVB'],
    ["lines of data", "", 'data: {"id":\ndata: "gen-1"\n'],
  ] as const
) {
  Deno.test(`passOn breaks off a stream that ends within ${what}, and passes no half of an event`, async () => {
    const { endings, reader, send, close } = readPassage();
    send(before + half);
    close();
    const { text, error } = await broken(reader);
    assert.equal(text, before + CUT);
    assert.equal((error as { type?: string }).type, "upstream_unreachable");
    assert.deepEqual(endings.map(({ kind }) => kind), ["broken"]);
  });
}

for (const half of ['data: {"choices":[],"usage":{"cost":0.', "data: [DON", "data: ["]) {
  Deno.test(`passOn leaves out ${half} at the end of a stream that is over`, async () => {
    const { endings, reader, send, close } = readPassage();
    const last = 'data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n';
    send(last + half);
    close();
    assert.equal(await rest(reader), last);
    assert.deepEqual(endings, [{ kind: "answered" }]);
  });
}

for (
  const [what, ending] of [
    ["[DONE]", DONE],
    ["the last event of a message", 'event: message_stop\ndata: {"type":"message_stop"}\n\n'],
    ["[DONE] in lines that end in CR LF", "data: [DONE]\r\n\r\n"],
  ] as const
) {
  Deno.test(`passOn ends a stream with ${what}, cut in two anywhere, while its connection stays open`, async () => {
    for (let cut = 0; cut <= ending.length; cut++) {
      const { log, reader, send, close } = readPassage();
      for (const part of [USAGE, ending.slice(0, cut), ending.slice(cut)]) send(part);
      assert.equal(await rest(reader), USAGE + ending, `cut at ${cut}`);
      assert.ok(log.includes("answered, cost 0.5"), log.join());
      close();
      await settled();
    }
  });
}

Deno.test("passOn ends a stream with [DONE] in lines that end in CR with its connection", async () => {
  const { log, reader, send, close } = readPassage();
  const stream = (USAGE + DONE).replaceAll("\n", "\r");
  send(stream);
  close();
  assert.equal(await rest(reader), stream);
  assert.equal(log.at(-1), "answered, cost 0.5");
});

Deno.test("passOn lets a connection end by itself on which everything has come, for 5 s", async () => {
  const { setTimeout } = globalThis;
  const timers: [run: () => void, ms: number | undefined][] = [];
  const { reader, send, aborted } = readPassage();
  send(DONE);
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    timers.push([run, ms]);
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    await rest(reader);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.equal(aborted(), undefined);
  assert.deepEqual(timers.map(([, ms]) => ms), [5_000]);
  timers[0]![0]();
  assert.ok(aborted() instanceof ClientDisconnected);
});

const BREAKS: [what: string, sent: string, isWhole: boolean][] = [
  ["after [DONE]", USAGE + DONE, true],
  [
    "after a reason to stop and usage",
    'data: {"choices":[{"finish_reason":"stop"}],"usage":{"cost":0.5}}\n\n',
    true,
  ],
  [
    "after the last event of a response",
    'data: {"type":"response.completed","response":{"status":"completed"}}\n\n',
    true,
  ],
  ["after the last event of a message", 'data: {"type":"message_stop"}\n\n', true],
  ["after a reason to stop alone", 'data: {"choices":[{"finish_reason":"stop"}]}\n\n', false],
  ["after usage alone", USAGE, false],
];

for (const [when, sent, isWhole] of BREAKS) {
  Deno.test(`passOn passes a stream whose connection breaks ${when} on as ${isWhole ? "whole" : "broken"}`, async () => {
    const { endings, reader, send, fail } = readPassage();
    send(sent);
    assert.deepEqual((await reader.read()).value, utf8(sent));
    fail(new TypeError("connection reset"));
    if (isWhole) assert.equal((await reader.read()).done, true);
    else assert.match((await broken(reader)).text, /^event: error\n/);
    assert.equal(endings[0]?.kind, isWhole ? "answered" : "broken");
  });
}

Deno.test("passOn ends a stream that has said that it is over, and falls silent, without an error", async () => {
  const { endings, reader, send, aborted } = readPassage({ idleTimeoutMs: 40 });
  const last = 'data: {"type":"response.completed","response":{"status":"completed"}}\n\n';
  send(last);
  assert.equal((await rest(reader)).replaceAll(COMMENT, ""), last);
  assert.deepEqual(endings, [{ kind: "answered" }]);
  // Nobody else would close the connection.
  assert.match(String(aborted()), /OpenRouter was silent for 40 ms/);
});

const LAST_OF_RESPONSE =
  'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed"}}';

const STOP = 'data: {"choices":[{"finish_reason":"stop"}],"usage":{"cost":0.5}}\n\n';

for (const last of [LAST_OF_RESPONSE, LAST_OF_RESPONSE + "\n", STOP + "data: [DONE]\n"]) {
  for (const how of ["breaks", "falls silent"] as const) {
    Deno.test(`passOn passes ${JSON.stringify(last)} on, which lacks its end, where the connection ${how}`, async () => {
      const { endings, reader, send, fail } = readPassage({ idleTimeoutMs: 40 });
      send(last);
      const passed = rest(reader);
      await settled();
      if (how === "breaks") fail(new TypeError("connection reset"));
      assert.equal((await passed).replaceAll(COMMENT, ""), last);
      assert.deepEqual(endings, [{ kind: "answered" }]);
    });
  }
}

Deno.test("passOn passes an error of OpenRouter's on that lacks its end, where the connection breaks", async () => {
  for (const missing of ["\n", "\n\n"]) {
    const { endings, reader, send, fail } = readPassage();
    const first = 'data: {"choices":[{"delta":{"content":"x"}}]}\n\n';
    const last = 'data: {"error":{"code":502,"message":"gone"},"choices":[]}\n\n'
      .slice(0, -missing.length);
    send(first);
    assert.equal(textOf(await reader.read()), first);
    send(last);
    const passed = broken(reader);
    await settled();
    fail(new TypeError("connection reset"));
    assert.equal((await passed).text, last + "\n\n");
    assert.equal(endings[0]?.kind, "broken");
  }
});

for (
  const [what, sent] of [
    ["0 bytes", ""],
    ["comments alone", ": OPENROUTER PROCESSING\n\n"],
    ["[DONE] alone", DONE],
  ] as const
) {
  Deno.test(`passOn ends a stream of ${what} as empty`, async () => {
    const { endings, reader, send, close } = readPassage();
    if (sent) send(sent);
    close();
    assert.equal(await rest(reader), sent);
    assert.deepEqual(endings, [{ kind: "empty" }]);
  });
}

Deno.test("passOn adds no error of its own to one of OpenRouter's, and breaks where that broke", async () => {
  const { endings, reader, send, fail } = readPassage();
  const last = 'data: {"error":{"code":502,"message":"gone"},"choices":[]}\n\n';
  send(last);
  assert.equal(textOf(await reader.read()), last);
  fail(new TypeError("connection reset"));
  assert.equal((await broken(reader)).text, "");
  assert.equal(endings[0]?.kind, "broken");
});

for (const last of ['data: {"choices":[{"finish_reason":"stop"}]}', "data: [DONE]", "data: 1"]) {
  Deno.test(`passOn passes ${last} on, which lacks its end, where the stream ends by itself`, async () => {
    const { reader, send, close } = readPassage();
    send(last);
    close();
    assert.equal(await rest(reader), last);
  });
}

Deno.test("passOn tells a client of an error some time before its connection breaks", async () => {
  const { setTimeout } = globalThis;
  const timers: [run: () => void, ms: number | undefined][] = [];
  const { reader, fail } = readPassage();
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    timers.push([run, ms]);
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    fail(new TypeError("connection reset"));
    assert.match(textOf(await reader.read()), /^event: error/);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  const next = reader.read();
  assert.deepEqual(timers.map(([, ms]) => ms), [250]);
  timers[0]![0]();
  await assert.rejects(next, { type: "upstream_unreachable" });
});

Deno.test("passOn lets a client go that has heard of the error", async () => {
  const { reader, fail } = readPassage();
  fail(new TypeError("connection reset"));
  await reader.read();
  await reader.cancel();
});

Deno.test("passOn passes JSON that ends within itself on as it is, and ends it as empty", async () => {
  const { endings, reader, send, close } = readPassage({ contentType: "application/json" });
  send('{"id":"gen-1",');
  close();
  assert.equal(await rest(reader), '{"id":"gen-1",');
  assert.deepEqual(endings, [{ kind: "empty" }]);
});

for (
  const [what, end] of [
    ["breaks", ({ fail }: ReturnType<typeof readPassage>) => fail(new TypeError("reset"))],
    ["its client leaves", ({ reader }: ReturnType<typeof readPassage>) => void reader.cancel()],
  ] as const
) {
  Deno.test(`passOn ends an error as refused when ${what} within its body`, async () => {
    const refused: BookingEnding = { kind: "refused", status: 502 };
    const passed = readPassage({ contentType: "text/html", whenRead: refused });
    passed.send("<html>");
    await passed.reader.read();
    end(passed);
    await passed.reader.read().catch(() => {});
    assert.deepEqual(passed.endings, [refused]);
  });
}

Deno.test("passOn breaks off a stream of two choices that ends after one of them", async () => {
  const { endings, reader, send, close } = readPassage();
  send('data: {"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}\n\n');
  send('data: {"choices":[{"index":0,"finish_reason":"stop"}]}\n\n');
  close();
  assert.ok((await broken(reader)).text.endsWith(CUT));
  assert.equal(endings[0]?.kind, "broken");
});
