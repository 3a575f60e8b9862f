import assert from "node:assert/strict";
import { createChoices } from "./choices.ts";

/** Whether a stream of these choices is over: of each message its own, by their finish_reason. */
function isOver(...messages: { index?: number; finish_reason?: string | null }[][]): boolean {
  const seen = createChoices();
  for (const choices of messages) seen.observe({ choices });
  return seen.haveFinished();
}

Deno.test("a stream is over when each choice that has begun has said why it stopped", () => {
  const [begun, stopped] = [{ finish_reason: null }, { finish_reason: "stop" }];
  assert.equal(isOver(), false);
  assert.equal(isOver([]), false);
  assert.equal(
    isOver([{ index: 0, ...begun }, { index: 1, ...begun }], [{ index: 0, ...stopped }]),
    false,
  );
  assert.equal(isOver([{ index: 1, ...begun }], [{ index: 1, ...stopped }]), true);
  assert.equal(isOver([{ index: 1, ...stopped }], [{ index: 0, ...begun }]), false);
});

Deno.test("choices that do not say which they are go by their places", () => {
  const [begun, stopped] = [{ finish_reason: null }, { finish_reason: "stop" }];
  assert.equal(isOver([begun, begun], [stopped]), false);
  assert.equal(isOver([begun, begun], [begun, stopped]), false);
  assert.equal(isOver([begun, begun], [stopped], [begun, stopped]), true);
});

Deno.test("choices beyond the 128 of OpenAI's API count as one", () => {
  const [begun, stopped] = [{ finish_reason: null }, { finish_reason: "stop" }];
  assert.equal(isOver([{ index: 127, ...begun }, { index: 128, ...stopped }]), false);
  assert.equal(isOver([{ index: 129, ...begun }, { index: 128, ...stopped }]), true);
});
