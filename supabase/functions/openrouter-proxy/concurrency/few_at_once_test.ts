import assert from "node:assert/strict";
import { fewAtOnce } from "./few_at_once.ts";

Deno.test("fewAtOnce begins no more than so many, the others in their order as those end", async () => {
  const begun: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const few = fewAtOnce(2);
  const works = ends.map(({ promise }, index) =>
    few(() => {
      begun.push(index);
      return promise;
    })
  );
  assert.deepEqual(begun, [0, 1]);
  ends[1]!.resolve(11);
  assert.equal(await works[1], 11);
  assert.deepEqual(begun, [0, 1, 2]);
  ends[0]!.reject(new Error("it broke"));
  await assert.rejects(works[0]!, /it broke/);
  assert.deepEqual(begun, [0, 1, 2, 3]);
  for (const [index, { resolve }] of ends.entries()) resolve(index);
  assert.deepEqual(await Promise.all(works.slice(2)), [2, 3, 4]);
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);

  // As many as at first begin when none is left.
  const again = [5, 6, 7].map((index) => few(() => Promise.resolve(begun.push(index))));
  assert.deepEqual(begun.slice(5), [5, 6]);
  await Promise.all(again);
  assert.deepEqual(begun.slice(5), [5, 6, 7]);
});
