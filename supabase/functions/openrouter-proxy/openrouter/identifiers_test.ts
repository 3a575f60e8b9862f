import assert from "node:assert/strict";
import fc from "fast-check";
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
import { redactedError, redactedText as redactedMember } from "./identifiers.ts";

const redactedText = (text: string) => new TextDecoder().decode(redactedError(utf8(text)));
const HASH = "0123456789abcdef".repeat(4);

const UNTOUCHED: [what: string, body: Bytes][] = [
  ["nothing", utf8("")],
  ["an ordinary error", utf8('{"error":{"code":429,"message":"Rate limit exceeded"}}')],
  ["HTML", utf8("<!DOCTYPE html><h1>404</h1>")],
  ["white space and big integers", utf8('{ "error" : { "code" : 12345678901234567890 } }\n')],
  ["a user_id of null", utf8('{"user_id":null}')],
  ["63 and 65 hexadecimal digits", utf8(`${HASH.slice(1)} ${HASH}0`)],
  ["bytes that are no UTF-8", Uint8Array.from([0xff, 0xfe, 0x00, 0x80])],
];

for (const [what, body] of UNTOUCHED) {
  Deno.test(`redactedError gives ${what} back as the same bytes`, () => {
    assert.equal(redactedError(body), body);
  });
}

const REDACTED: [what: string, body: string, expected: string][] = [
  [
    "user_id",
    '{"error":{"code":402,"metadata":{"a": 1}},"user_id":"user_2dAb"}',
    '{"error":{"code":402,"metadata":{"a": 1}},"user_id":"[redacted]"}',
  ],
  ["creator_user_id", '{"creator_user_id" : "user_2d"}', '{"creator_user_id" : "[redacted]"}'],
  [
    "every user_id",
    '[{"user_id":"a"},{"user_id":"b"}]',
    '[{"user_id":"[redacted]"},{"user_id":"[redacted]"}]',
  ],
  ["the hash of a key", `Key ${HASH} is disabled`, "Key [redacted] is disabled"],
  [
    "a workspace in JSON that a text quotes, once and twice",
    '{"raw":"{\\"workspace_id\\" : \\"a-b\\",\\\\\\"org_id\\\\\\":\\\\\\"c\\\\\\"}"}',
    '{"raw":"{\\"workspace_id\\" : \\"[redacted]\\",\\\\\\"org_id\\\\\\":\\\\\\"[redacted]\\\\\\"}"}',
  ],
  [
    "words right behind an escape",
    `{"m":"a\\nuser_2abcdefgh\\u003c${HASH}\\torg_3abcdefgh"}`,
    '{"m":"a\\n[redacted]\\u003c[redacted]\\t[redacted]"}',
  ],
  [
    "what is known by its looks before what is known by its name",
    `{"m":"Key ${HASH} of user_2abcdefgh","user_id":"a","n":"${HASH}"}`,
    '{"m":"Key [redacted] of [redacted]","user_id":"[redacted]","n":"[redacted]"}',
  ],
  [
    "all of what is known by its name, whose beginning is known by its looks",
    `{"user_id":"user_2abcdefgh of b","org_id":"${HASH}/c"}`,
    '{"user_id":"[redacted]","org_id":"[redacted]"}',
  ],
  [
    "the operator's organization at OpenAI",
    "Rate limit reached for gpt-4o in organization org-2abcDEFghijkLMNopqrs0 on tokens per min",
    "Rate limit reached for gpt-4o in organization [redacted] on tokens per min",
  ],
  ["a plaintext key", `sk-or-v1-${HASH}`, "sk-or-v1-[redacted]"],
];

for (const [what, body, expected] of REDACTED) {
  Deno.test(`redactedError takes out ${what} and keeps all else`, () => {
    assert.equal(redactedText(body), expected);
  });
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const AROUND: [what: string, bytes: Bytes][] = [
  ["every byte there is", ALL_BYTES],
  ["UTF-8 after a byte order mark", utf8("\ufeffcaf\u00e9 \u{1f600} ")],
  ["latin1", Uint8Array.from("caf\xe9 ", (character) => character.charCodeAt(0))],
];

for (const [what, bytes] of AROUND) {
  Deno.test(`redactedError keeps ${what} around what it takes out`, () => {
    const body = concat(bytes, utf8(`{"user_id":"us\u00e9r"} ${HASH}.`), bytes);
    const expected = concat(bytes, utf8('{"user_id":"[redacted]"} [redacted].'), bytes);
    assert.deepEqual(redactedError(body), expected);
  });
}

Deno.test("redactedError keeps the number of bytes where that was told", () => {
  for (const text of [`{"user_id":"é","org_id":"${HASH}"} user_2abcdefgh`, '{"user_id":"x"}']) {
    const body = utf8(text);
    const clean = redactedError(body, true);
    assert.equal(clean.length, body.length);
    assert.notDeepEqual(clean, body);
  }
});

Deno.test("redactedError takes out whole words alone, wherever they stand", () => {
  // The same, said in one pattern, which costs 0.2 s a megabyte.
  const word =
    /(?:\b|(?<=\\[bfnrt]|\\u[0-9A-Fa-f]{4}))(?:(?:user|org)_[0-9][0-9A-Za-z]{7,}|org-[0-9A-Za-z]{20,}|[0-9a-f]{64})\b/g;
  const part = fc.constantFrom(
    HASH,
    HASH.slice(1),
    "user_2abcdefgh",
    "org_2abcdefg",
    "org-2ABCdefghijklmnopqrs",
    "org-2ABCdefghijklmnopqr",
    "org-",
    "user_",
    "\\b",
    "\\f",
    "\\n",
    "\\u00",
    ...'aF0_g\\ "-é',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const text = parts.join("");
      assert.equal(redactedText(text), text.replace(word, "[redacted]"));
    }),
    { numRuns: 5_000 },
  );
});

// Each of these once cost the square of its length, or would if a pattern grew careless.
for (
  const part of [
    "\\",
    '\\"',
    '"user_id',
    '"user_id"',
    "user_",
    "user_2a",
    "a1b2",
    " ",
    "\\u00",
    "x",
    `${HASH.slice(1)} `,
  ]
) {
  Deno.test(`redactedError passes over ${part} a million times`, () => {
    const body = utf8(part.repeat(1_000_000));
    assert.ok(redactedError(body) === body);
  });
}

Deno.test("redactedError reads a part of a buffer and no more", () => {
  const whole = utf8(`${HASH} a ${HASH} b`);
  assert.deepEqual(redactedError(whole.subarray(64, 67)), utf8(" a "));
});

for (
  const [json, kept, free] of [
    ['"user_2a"', '"[redact"', '"[redacted]"'],
    ['"user_2aB3dE4"', '"[redacted]  "', '"[redacted]"'],
    ['"user', '"[red', '"[redacted]'],
    ['""', '""', '"[redacted]"'],
    ['"', '"', '"[redacted]'],
    // The quote, or the backslash, is a part of the text: the rest of it may follow.
    ['"a\\"', '"[re', '"[redacted]'],
    ['"a\\\\"', '"[re"', '"[redacted]"'],
    ['"a\\', '"[\\', '"[redacted]\\'],
    ['"a\\\\', '"[re', '"[redacted]'],
  ] as const
) {
  Deno.test(`redactedText replaces ${json}, as long as it was or not`, () => {
    const redacted = (keepsLength: boolean) =>
      new TextDecoder().decode(redactedMember(utf8(json), keepsLength));
    assert.deepEqual([redacted(true), redacted(false)], [kept, free]);
  });
}
