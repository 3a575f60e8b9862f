import assert from "node:assert/strict";
import { packed } from "./packing.ts";

/** An entry for the books whose JSON has so many bytes. */
function entryOf(bytes: number) {
  const entry = { level: "info", event: "settlement", text: "" };
  return { ...entry, text: "x".repeat(bytes - JSON.stringify(entry).length) };
}

Deno.test("entries share a line up to 9 800 bytes together, and none is left out of it", () => {
  const [short, long] = [entryOf(4_799), entryOf(5_000)];
  const [{ text: first }, { text: second }] = [short, long];
  assert.deepEqual(packed([short, long]), [{
    line: { level: "info", event: "settlement", entries: [{ text: first }, { text: second }] },
    holds: [short, long],
  }]);
  const longer = entryOf(5_001);
  assert.deepEqual(packed([short, longer]), [
    { line: short, holds: [short] },
    { line: longer, holds: [longer] },
  ]);
});

Deno.test("entries of different names share no line", () => {
  const [one, other] = [{ level: "error", event: "a", n: 1 }, { level: "error", event: "b", n: 2 }];
  assert.deepEqual(
    packed([one, other, one]),
    [one, other, one].map((line) => ({
      line,
      holds: [line],
    })),
  );
  assert.deepEqual(packed([]), []);
});
