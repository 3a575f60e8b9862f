import assert from "node:assert/strict";
import { queueInTurns } from "./queue_in_turns.ts";

/** Takes all that there is. */
function rest(queue: { shift(): string | undefined }): string[] {
  const taken: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) taken.push(item);
  return taken;
}

Deno.test("queueInTurns gives one of each owner's in turn, of each the oldest", () => {
  const queue = queueInTurns<string>();
  for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(item[0]!, item);
  assert.equal(queue.size(), 6);
  assert.deepEqual(rest(queue), ["a1", "b1", "c1", "a2", "c2", "a3"]);
  assert.equal(queue.size(), 0);
});

Deno.test("queueInTurns gives a newcomer its turn once each of the others has had one", () => {
  const queue = queueInTurns<string>();
  for (const item of ["a1", "a2", "a3", "b1", "b2"]) queue.push(item[0]!, item);
  assert.equal(queue.shift(), "a1");
  queue.push("c", "c1");
  assert.deepEqual(rest(queue), ["b1", "a2", "c1", "b2", "a3"]);
  queue.push("a", "a4");
  assert.deepEqual(rest(queue), ["a4"]);
});

Deno.test("queueInTurns gives a lone item, and the turn of its owner is over with it", () => {
  const queue = queueInTurns<string>();
  for (const item of ["a1", "b1"]) {
    assert.equal(queue.shift(), undefined);
    queue.push(item[0]!, item);
    assert.equal(queue.size(), 1);
    assert.equal(queue.shift(), item);
    assert.equal(queue.size(), 0);
  }
  for (const item of ["a2", "a3", "b2"]) queue.push(item[0]!, item);
  assert.equal(queue.shift(), "a2");
  assert.equal(queue.shift(), "b2");
  queue.push("b", "b3");
  assert.deepEqual(rest(queue), ["a3", "b3"]);
});
