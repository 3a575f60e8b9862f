import fc from "fast-check";
import assert from "node:assert/strict";
import type { Bytes } from "../bytes/encodings.ts";
import { readCallBody, withUsageIncluded } from "./request_body.ts";

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

function included(body: string): string {
  const bytes = utf8(body);
  return text(withUsageIncluded(bytes, readCallBody(bytes)));
}

Deno.test("readCallBody reads the model and whether the answer streams", () => {
  const read = (body: string) => {
    const { model, streaming } = readCallBody(utf8(body));
    return { model, streaming };
  };
  assert.deepEqual(read('{"model":"a/b","stream":true}'), { model: "a/b", streaming: true });
  assert.deepEqual(read('{"model":"a/b","stream":false}'), { model: "a/b", streaming: false });
  assert.deepEqual(read('{"model":7,"stream":"true"}'), { model: null, streaming: false });
  assert.deepEqual(read('{"stream":1}'), { model: null, streaming: false });
  assert.deepEqual(read('{"model":"a","model":"b"}'), { model: "b", streaming: false });
  assert.deepEqual(read("{}"), { model: null, streaming: false });
});

// otari PR #87: a body's `user` named whose budget was charged.
Deno.test("readCallBody reads nothing about who calls", () => {
  const call = readCallBody(utf8('{"model":"m","user":"did:key:other","did":"did:key:other"}'));
  assert.deepEqual(Object.keys(call).sort(), ["hasUsage", "isEmpty", "model", "streaming"]);
});

const NO_OBJECTS: [what: string, body: Bytes][] = [
  ["nothing", utf8("")],
  ["white space", utf8(" \n")],
  ["a list", utf8("[]")],
  ["a text", utf8('"x"')],
  ["a number", utf8("1")],
  ["null", utf8("null")],
  ["half an object", utf8('{"model":')],
  ["two objects", utf8("{}{}")],
  ["a comment", utf8("{/* */}")],
  ["a trailing comma", utf8('{"a":1,}')],
  ["single quotes", utf8("{'a':1}")],
  ["invalid UTF-8 in a string", Uint8Array.from([...utf8('{"a":"'), 0xff, ...utf8('"}')])],
  ["a lone continuation byte", Uint8Array.from([...utf8("{}"), 0x80])],
  ["UTF-16", Uint8Array.from([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
  ["gzip", Uint8Array.from([0x1f, 0x8b, 8, 0])],
];

for (const [what, body] of NO_OBJECTS) {
  Deno.test(`readCallBody refuses ${what}`, () => {
    assert.throws(() => readCallBody(body), { type: "invalid_request" });
  });
}

Deno.test("readCallBody does not quote the body in its refusal", () => {
  assert.throws(() => readCallBody(utf8('{"secret":sk-or-v1-abc}')), (error: Error) => {
    assert.ok(!error.message.includes("sk-or"));
    return true;
  });
});

const U = '"usage":{"include":true}';
const INSERTED: [what: string, body: string, expected: string][] = [
  ["an empty object", "{}", `{${U}}`],
  ["an empty object with white space", " { \n} ", ` {${U} \n} `],
  ["one member", '{"a":1}', `{${U},"a":1}`],
  ["white space everywhere", '\r\n\t { "a" : 1 } \n', `\r\n\t {${U}, "a" : 1 } \n`],
  ["a byte order mark", '\ufeff{"a":1}', `\ufeff{${U},"a":1}`],
  ["integers beyond 2^53", '{"a":123456789012345678901}', `{${U},"a":123456789012345678901}`],
  ["numbers in other notations", '{"a":1.0,"b":1E2}', `{${U},"a":1.0,"b":1E2}`],
  ["keys that repeat", '{"a":1,"a":2}', `{${U},"a":1,"a":2}`],
  ["escapes", '{"\\u0061":"\\/\\ud83d\\ude00"}', `{${U},"\\u0061":"\\/\\ud83d\\ude00"}`],
  ["lone surrogates, escaped", '{"a":"\\ud800"}', `{${U},"a":"\\ud800"}`],
  ["usage deeper down", '{"a":{"usage":1}}', `{${U},"a":{"usage":1}}`],
  ["usage in a text", '{"a":"\\"usage\\":1"}', `{${U},"a":"\\"usage\\":1"}`],
  ["Usage with a capital", '{"Usage":1}', `{${U},"Usage":1}`],
  ["__proto__", '{"__proto__":{"usage":1}}', `{${U},"__proto__":{"usage":1}}`],
];

for (const [what, body, expected] of INSERTED) {
  Deno.test(`withUsageIncluded inserts usage into a body with ${what}`, () => {
    assert.equal(included(body), expected);
  });
}

for (
  const own of [
    '{"usage":{"include":false}}',
    '{"a":1,"usage":null}',
    '{"\\u0075sage":1,"a":2}',
    '{"usage":1,"usage":2}',
  ]
) {
  Deno.test(`withUsageIncluded leaves ${own} as it is`, () => {
    const bytes = utf8(own);
    assert.equal(withUsageIncluded(bytes, readCallBody(bytes)), bytes);
  });
}

const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });

/** A JSON text with white space before, behind and, by indentation, inside. */
const jsonObject = fc.tuple(
  space,
  fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constant("usage")), fc.jsonValue()),
  fc.integer({ min: 0, max: 3 }),
  space,
).map(([before, value, indent, after]) => before + JSON.stringify(value, null, indent) + after);

Deno.test("withUsageIncluded keeps every other byte of any JSON object", () => {
  fc.assert(
    fc.property(jsonObject, (body) => {
      const before = JSON.parse(body);
      const result = included(body);
      if (Object.hasOwn(before, "usage")) return assert.equal(result, body);
      const at = result.indexOf(U);
      const end = at + U.length + (Object.keys(before).length > 0 ? 1 : 0);
      assert.equal(result.slice(0, at) + result.slice(end), body);
      const { usage, ...rest } = JSON.parse(result);
      assert.deepEqual(usage, { include: true });
      assert.deepEqual(Object.entries(rest), Object.entries(before));
    }),
    { numRuns: 1_000 },
  );
});
