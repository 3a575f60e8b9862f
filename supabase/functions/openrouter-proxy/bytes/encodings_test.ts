import assert from "node:assert/strict";
import {
  concat,
  decodeBase64url,
  parseJsonObject,
  strictDecoder,
  strictTextOf,
  textOf,
  toInteger,
  utf8,
} from "./encodings.ts";

const NO_UTF8 = Uint8Array.of(0x61, 0xff);

Deno.test("a text of bytes that are no UTF-8 is refused, in one piece or in more", () => {
  assert.throws(() => strictTextOf(NO_UTF8), TypeError);
  const decoder = strictDecoder();
  assert.equal(decoder.decode(utf8("é").subarray(0, 1), { stream: true }), "");
  assert.throws(() => decoder.decode(), TypeError);
});

Deno.test("a byte order mark is a part of the text, with which it is no JSON", () => {
  const marked = "\ufeff{}";
  assert.equal(strictTextOf(utf8(marked)), marked);
  assert.equal(strictDecoder().decode(utf8(marked)), marked);
  assert.equal(parseJsonObject(utf8(marked)), null);
});

Deno.test("textOf tells any bytes, short or long, and puts U+FFFD for what is no UTF-8", () => {
  for (const length of [0, 1, 15, 16, 17, 127, 128, 129, 500]) {
    for (const end of ["x", "\x7f", "\x80", "é", "\ufeff"]) {
      const text = "a".repeat(length) + end;
      assert.equal(textOf(utf8(text)), text);
    }
    assert.equal(textOf(concat(utf8("a".repeat(length)), [0x80])), "a".repeat(length) + "\ufffd");
    assert.equal(
      textOf(concat(utf8("a".repeat(length)), NO_UTF8)),
      "a".repeat(length + 1) + "\ufffd",
    );
  }
  assert.equal(textOf(utf8("\ufeff" + "a".repeat(500))), "\ufeff" + "a".repeat(500));
});

Deno.test("base64url has one spelling: without padding, stray bits, white space or other letters", () => {
  assert.deepEqual(decodeBase64url("_-8"), Uint8Array.of(0xff, 0xef));
  assert.deepEqual(decodeBase64url(""), new Uint8Array());
  for (const text of ["_-8=", "_-9", "_-8 ", "/+8", "_", "_-8\n", "é"]) {
    assert.equal(decodeBase64url(text), null, text);
  }
});

Deno.test("JSON that is no object, or no JSON, is none", () => {
  assert.deepEqual(parseJsonObject(utf8('{"a":[1]}')), { a: [1] });
  for (const text of ["[]", "null", "1", '"a"', "", "{", "{}x"]) {
    assert.equal(parseJsonObject(utf8(text)), null, text);
  }
  assert.equal(parseJsonObject(concat(utf8('{"a":"'), NO_UTF8, utf8('"}'))), null);
});

Deno.test("an integer is read with its first byte as the highest; without bytes it is 0", () => {
  assert.equal(toInteger(Uint8Array.of(1, 0, 255)), 0x100ffn);
  assert.equal(toInteger(new Uint8Array()), 0n);
});
