import assert from "node:assert/strict";
import { seen } from "../testing/observations.ts";

const ERRORS: [what: string, message: string, error: string][] = [
  // BerriAI/litellm #40578: an error inside a 200 was logged as success.
  [
    "in a chunk",
    '{"id":"gen-1","error":{"code":429,"message":"Rate limit exceeded","metadata":{}},"choices":[{"finish_reason":"error"}]}',
    "429: Rate limit exceeded",
  ],
  [
    "alone",
    '{"error":{"code":502,"message":"Provider returned error"}}',
    "502: Provider returned error",
  ],
  ["whose code is a word", '{"error":{"code":"server_error","message":"m"}}', "server_error: m"],
  ["in a choice", '{"choices":[{},{"error":{"code":502,"message":"m"}}]}', "502: m"],
  [
    "of the Messages API",
    '{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
    "overloaded_error: m",
  ],
  [
    "of the Responses API",
    '{"type":"error","code":"rate_limit","message":"m","param":null}',
    "rate_limit: m",
  ],
  ["that is a text", '{"error":"m"}', "m"],
  ["without a message", '{"error":{"code":500}}', "500: no message"],
  ["whose message is null", '{"error":{"message":null}}', "no message"],
  ["whose message is an object", '{"error":{"message":{"toString":1}}}', '{"toString":1}'],
  [
    "that a finish_reason alone tells of",
    '{"choices":[{},{"finish_reason":"error"}]}',
    "the model stopped because of an error",
  ],
  [
    "that the status of a response alone tells of",
    '{"object":"response","status":"failed","error":null}',
    "the response failed",
  ],
  [
    "that the last event of a response alone tells of",
    '{"type":"response.failed","response":{"status":"failed"}}',
    "the response failed",
  ],
  ["that is an empty object", '{"error":{}}', "no message"],
  [
    "beside the response that it is of",
    '{"error":{"message":"of the event"},"response":{"error":{"message":"of the response"}}}',
    "of the event",
  ],
  [
    "of the whole before those of its choices",
    '{"error":{"message":"of all"},"choices":[{"error":"of one"},{"error":"of two"}]}',
    "of all",
  ],
  [
    "of the first choice of several",
    '{"choices":[{"error":"of one"},{"error":"of two"}]}',
    "of one",
  ],
  [
    "without the operator's identifiers, by their looks",
    `{"error":{"code":403,"message":"user_2dHUbBFBK of org_2eKbNbJXq: key ${"a1".repeat(32)}"}}`,
    "403: [redacted] of [redacted]: key [redacted]",
  ],
  [
    "without the operator's identifiers, by their names",
    String.raw`{"error":"{\"user_id\":\"me\"}","choices":[]}`,
    '{"user_id":"[redacted]"}',
  ],
  [
    "whose message is an object, without the operator's identifiers",
    '{"error":{"message":{"workspace_id":"w-1"}}}',
    '{"workspace_id":"[redacted]"}',
  ],
  [
    "of type error, without a key that is longer than what is kept of it",
    `{"type":"error","code":"x","message":"${"x ".repeat(240)}${"a1".repeat(32)}"}`,
    `x: ${"x ".repeat(240)}[redacted]`,
  ],
  [
    "without an identifier that is longer than what is kept of it",
    `{"error":"${"x ".repeat(244)}user_2dHUbBFBKVN9TlzZIMF"}`,
    `${"x ".repeat(244)}[redacted]`,
  ],
];

for (const [what, message, error] of ERRORS) {
  Deno.test(`observe reads an error ${what}`, () => {
    assert.equal(seen(message).error, error);
  });
}

Deno.test("the first error holds", () => {
  assert.equal(
    seen('{"error":{"message":"cause"}}', '{"error":{"message":"effect"}}').error,
    "cause",
  );
});

for (
  const none of [
    '{"error":null}',
    '{"error":""}',
    '{"error":false}',
    '{"choices":[null,1]}',
    '{"choices":[{"finish_reason":"length"}]}',
    '{"id":"v1","status":"failed"}',
  ]
) {
  Deno.test(`${none} is no error`, () => {
    assert.equal(seen(none).error, undefined);
  });
}
