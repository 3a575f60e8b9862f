import assert from "node:assert/strict";
import { JsonScanner } from "./json_scanner.ts";
import { textOf, utf8 } from "./encodings.ts";
import { textIn } from "./short_texts.ts";
import { cuttings } from "../testing/json_scans.ts";

const TEXTS = ["", "0", "Aa", "BB", "a".repeat(32), "a".repeat(33), "\ufeffa", "é", "\\u00e9"];

Deno.test("textIn makes the text of bytes within others, the first time and again", () => {
  for (const text of [...TEXTS, ...TEXTS]) {
    const bytes = utf8(`"${text}"`);
    assert.equal(textIn(bytes, 1, bytes.length - 1), text);
    assert.equal(textIn(bytes, 0, bytes.length), `"${text}"`);
  }
});

Deno.test("textIn takes no bytes that are no UTF-8 for what they become", () => {
  for (const bytes of [Uint8Array.of(0xff), utf8("\ufffd"), Uint8Array.of(0xfe)]) {
    assert.equal(textIn(bytes, 0, bytes.length), textOf(bytes));
  }
});

Deno.test("JsonScanner tells the text of a value, however it is cut, and of none that is too large", () => {
  for (const json of [...TEXTS.map((text) => `"${text}"`), "-1.5e3", "true", `[1,"é",{}]`]) {
    const { length } = utf8(json);
    for (const maxBytes of [length, length - 1]) {
      for (const chunks of cuttings(utf8(`{"v": ${json} ,"w":1}`))) {
        const told: (string | null)[] = [];
        const take = { maxBytes, text: (found: string | null) => told.push(found) };
        const scanner = new JsonScanner({ member: (name) => name === "v" ? { take } : null }, {
          maxDepth: 9,
          maxValues: 99,
        });
        const passed = chunks.map((chunk) => textOf(scanner.feed(chunk).slice())).join("");
        assert.deepEqual(told, [maxBytes === length ? json : null]);
        if (/^[\0-\x7f]*$/.test(json)) assert.equal(passed, `{"v": ${json} ,"w":1}`);
      }
    }
  }
});
