import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { assertUtf8, looksLikeJson, scan } from "./json_text.ts";

const NON_ASCII: [text: string, bytes: number][] = [["", 0], ["abc", 0], ["é", 2], ["€", 3], [
  "🙂",
  4,
]];

for (const [text, bytes] of NON_ASCII) {
  Deno.test(`of "${text}" at least ${bytes} bytes are no ASCII, however often it comes`, () => {
    for (const times of [1, 50_000]) {
      const told = assertUtf8(utf8(text.repeat(times) + "x".repeat(times)));
      assert.ok(told >= bytes * times && told <= bytes * times * 4 / 3, `${told}`);
    }
  });
}

for (const bytes of [1, 64 * 1024, 200_000]) {
  Deno.test(`a body that ends within a character is no UTF-8, behind ${bytes} bytes too`, () => {
    const whole = utf8("x".repeat(bytes) + "é");
    assert.ok(assertUtf8(whole) >= 2);
    assert.throws(() => assertUtf8(whole.subarray(0, -1)), {
      type: "invalid_request",
      message: "the request body is not valid JSON: it is not UTF-8",
    });
  });
}

const JSON_LIKE: [text: string, is: boolean][] = [
  ["{}", true],
  ["[1]", true],
  ["\ufeff \t\r\n{", true],
  [" [", true],
  ["", false],
  ["  ", false],
  ['"x"', false],
  ["--boundary", false],
  [" \ufeff{", false],
];

for (const [text, is] of JSON_LIKE) {
  Deno.test(`${JSON.stringify(text)} looks ${is ? "" : "un"}like JSON`, () => {
    assert.equal(looksLikeJson(utf8(text)), is);
  });
}

const REFUSED: [what: string, body: string, type: string, message: string][] = [
  [
    "ends too early",
    '{"a":',
    "invalid_request",
    "the request body is not valid JSON: it ends too early",
  ],
  [
    "is no JSON",
    "{a}",
    "invalid_request",
    "the request body is not valid JSON: something else than a member's name",
  ],
  [
    "is too deep",
    "[".repeat(129),
    "invalid_request",
    "the request body is not accepted: it is nested over 128 levels deep",
  ],
  [
    "has too many values",
    `[${"1,".repeat(1_000_000)}1]`,
    "request_too_large",
    "the request body is too large: it has over 1000000 values",
  ],
];

for (const [what, body, type, message] of REFUSED) {
  Deno.test(`a body that ${what} is refused, and told why`, () => {
    assert.throws(() => scan(utf8(body), {}), { type, message });
  });
}
