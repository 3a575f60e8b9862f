import assert from "node:assert/strict";
import { seen } from "../testing/observations.ts";

for (
  const message of [
    "null",
    "[]",
    '"x"',
    "1",
    '{"usage":[]}',
    '{"usage":"x"}',
    '{"model":7,"id":{}}',
  ]
) {
  Deno.test(`${message} says nothing`, () => {
    assert.deepEqual(seen(message), {});
  });
}

Deno.test("observe bounds texts, and keeps what Postgres cannot store out of them", () => {
  const { model, error } = seen(
    JSON.stringify({ model: "a\0b\ud800", error: { message: "m".repeat(10_000) } }),
  );
  assert.equal(model, "ab\ufffd");
  assert.equal(error?.length, 500);
});

Deno.test("an id is kept whole, or not at all", () => {
  const idOf = (id: string) => seen(JSON.stringify({ id })).id;
  for (const length of [257, 512]) assert.equal(idOf("g".repeat(length))?.length, length);
  for (const id of ["g".repeat(513), "", "g\0", "g\ud800"]) assert.equal(idOf(id), undefined);
});

const REASONS: [what: string, message: string, reason: string | undefined][] = [
  [
    "a chat",
    '{"choices":[{"finish_reason":"stop","native_finish_reason":"STOP"}]}',
    "STOP",
  ],
  [
    "a chat that goes on",
    '{"choices":[{"finish_reason":null,"native_finish_reason":null}]}',
    undefined,
  ],
  ["a message", '{"type":"message","stop_reason":"max_tokens"}', "max_tokens"],
  ["a response", '{"object":"response","status":"completed"}', "completed"],
  [
    "a response that is incomplete",
    '{"type":"response.incomplete","response":{"object":"response","status":"incomplete",' +
    '"incomplete_details":{"reason":"max_output_tokens"}}}',
    "max_output_tokens",
  ],
  ["a response that goes on", '{"object":"response","status":"in_progress"}', undefined],
  ["a video", '{"id":"v1","status":"completed"}', undefined],
];

for (const [what, message, reason] of REASONS) {
  Deno.test(`${what} says why the model stopped: ${reason ?? "not yet"}`, () => {
    assert.equal(seen(message).nativeFinishReason, reason);
  });
}

Deno.test("a later event without a reason to stop erases none", () => {
  const stop = '{"choices":[{"native_finish_reason":"STOP"}]}';
  assert.equal(seen(stop, '{"choices":[],"usage":{"cost":1}}').nativeFinishReason, "STOP");
});
