import assert from "node:assert/strict";
import { utf8 } from "../bytes/encodings.ts";
import { beginningOf, kindOf, kindToldBy } from "./answer_kind.ts";

const TOLD: [contentType: string | null, told: string][] = [
  ["text/event-stream", "events"],
  [" Text/Event-Stream ; charset=utf-8", "events"],
  ["application/json", "json"],
  ["application/problem+json; charset=utf-8", "json"],
  ["application/json-seq", "other"],
  ["text/plain", "text"],
  ["text/html", "text"],
  ["", "text"],
  [null, "text"],
  ["audio/mpeg", "other"],
  ["application/text/", "other"],
];

for (const [contentType, told] of TOLD) {
  Deno.test(`a content-type of ${JSON.stringify(contentType)} says ${told}`, () => {
    assert.equal(kindToldBy(contentType), told);
  });
}

Deno.test("a body begins behind white space and a byte order mark", () => {
  const cases: [text: string, at: number][] = [["{}", 0], ["\ufeff \t\r\n{}", 7], [" \n", 2], [
    "",
    0,
  ]];
  for (const [text, at] of cases) assert.equal(beginningOf(utf8(text)), at, JSON.stringify(text));
});

/** What a body is that begins so, by whether its content-type says text, JSON, events or something else. */
const KINDS: [head: string, text: unknown, json: unknown, events: unknown][] = [
  ["{", "json", "json", "json"],
  ["[", "json", "json", "json"],
  ["", null, null, null],
  ["data: {", "events", "events", "events"],
  ["event: x", "events", "events", "events"],
  ["id: 1", "events", "events", "events"],
  ["retry: 1", "events", "events", "events"],
  [": OPENROUTER PROCESSING", "events", "events", "events"],
  ["dat", null, null, "events"],
  ["retry", null, null, "events"],
  ["date: 1", "other", "json", "events"],
  ["<html>", "other", "json", "events"],
  ["retrying", "other", "json", "events"],
];

for (const [head, ...kinds] of KINDS) {
  Deno.test(`a body that begins with ${JSON.stringify(head)} is ${kinds.join(", ")} by what it is told to be`, () => {
    const bytes = utf8(head);
    const told = (["text", "json", "events"] as const).map((kind) => kindOf(kind, bytes));
    assert.deepEqual(told, kinds);
    assert.equal(kindOf("other", bytes), "other");
  });
}
