import assert from "node:assert/strict";
import { utf8 } from "./encodings.ts";
import { MAX_NAME_BYTES } from "./json_names.ts";
import { cuttings, scan } from "../testing/json_scans.ts";

/** The names that a text's object has, as they are told. */
function namesIn(chunks: Uint8Array[]): (string | null)[] {
  const names: (string | null)[] = [];
  scan(chunks, {
    member(name) {
      names.push(name);
      return null;
    },
  });
  return names;
}

const NAMES: [written: string, name: string][] = [
  ["model", "model"],
  ["\\u006dodel", "model"],
  ["\\u006D\\u006f\\u0064\\u0065\\u006c", "model"],
  // A decoder that swallows byte order marks would make `model` of it, which OpenRouter does not read.
  ["\ufeffmodel", "\ufeffmodel"],
  ["\\ufeffmodel", "\ufeffmodel"],
  ["mod\u0000el".replace("\0", "\\u0000"), "mod\0el"],
  ['a\\"b\\\\c\\/d\\n', 'a"b\\c/d\n'],
  ["\\ud83d\\ude00🙂é", "😀🙂é"],
  ["\\ud800", "\ud800"],
  ["__proto__", "__proto__"],
  ["", ""],
];

for (const [written, name] of NAMES) {
  Deno.test(`JsonScanner reads the name ${JSON.stringify(written)}, however it is cut`, () => {
    assert.equal(JSON.parse(`"${written}"`), name);
    for (const chunks of cuttings(utf8(`{"${written}":1,"a":2}`))) {
      assert.deepEqual(namesIn(chunks), [name, "a"]);
    }
  });
}

Deno.test("JsonScanner tells names up to their greatest length, and none that is longer", () => {
  for (const length of [MAX_NAME_BYTES - 1, MAX_NAME_BYTES]) {
    const name = "n".repeat(length);
    for (const chunks of cuttings(utf8(`{"${name}":1}`))) assert.deepEqual(namesIn(chunks), [name]);
  }
  for (const length of [MAX_NAME_BYTES + 1, 3 * MAX_NAME_BYTES]) {
    const written = utf8(`{"${"n".repeat(length)}":1,"a":2}`);
    for (const chunks of cuttings(written)) assert.deepEqual(namesIn(chunks), [null, "a"]);
  }
});

// "Aa" and "BB" have the same hash where a character counts 31 times as much as the next one.
Deno.test("JsonScanner never takes one name for another that it remembers by the same hash", () => {
  const alike = Array.from(
    { length: 256 },
    (_, bits) => Array.from({ length: 8 }, (_, i) => bits >> i & 1 ? "Aa" : "BB").join(""),
  );
  const written = utf8(`{${[...alike, ...alike].map((name) => `"${name}":1`).join(",")}}`);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(namesIn([written]), [...alike, ...alike]);
  }
});

Deno.test("JsonScanner reads names by the thousand, and those it read before, as they are", () => {
  const many = Array.from({ length: 5_000 }, (_, i) => `name${i}`);
  const written = utf8(`{"model":1,${many.map((name) => `"${name}":1`).join(",")},"model":1}`);
  assert.deepEqual(namesIn([written]), ["model", ...many, "model"]);
});
