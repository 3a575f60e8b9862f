import assert from "node:assert/strict";
import { memoryBudget, UNCOUNTED_BYTES } from "./memory_budget.ts";

Deno.test("memoryBudget counts what is beyond each share's first bytes, up to its total", () => {
  const openShare = memoryBudget(10);
  const [first, second] = [openShare(), openShare()];
  assert.equal(first.hold(UNCOUNTED_BYTES + 6), true);
  assert.equal(second.hold(UNCOUNTED_BYTES + 5), false);
  assert.equal(second.hold(UNCOUNTED_BYTES + 4), true);
  assert.equal(first.hold(UNCOUNTED_BYTES + 7), false);
});

Deno.test("memoryBudget counts what a share holds, and not what it held before", () => {
  const openShare = memoryBudget(10);
  const [first, second] = [openShare(), openShare()];
  for (const bytes of [4, 8, 10, 2]) assert.equal(first.hold(UNCOUNTED_BYTES + bytes), true);
  assert.equal(second.hold(UNCOUNTED_BYTES + 9), false);
  assert.equal(second.hold(UNCOUNTED_BYTES + 8), true);
});

Deno.test("memoryBudget lets every share have its first bytes while it is spent", () => {
  const openShare = memoryBudget(10);
  assert.equal(openShare().hold(UNCOUNTED_BYTES + 10), true);
  for (let i = 0; i < 100; i++) assert.equal(openShare().hold(UNCOUNTED_BYTES), true);
  assert.equal(openShare().hold(UNCOUNTED_BYTES + 1), false);
});

Deno.test("memoryBudget has back what a share gives back, once", () => {
  const openShare = memoryBudget(10);
  const first = openShare();
  assert.equal(first.hold(UNCOUNTED_BYTES + 10), true);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(openShare().hold(UNCOUNTED_BYTES + 10), true);
  assert.equal(openShare().hold(UNCOUNTED_BYTES + 1), false);
});
