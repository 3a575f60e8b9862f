import assert from "node:assert/strict";
import { BoundedCache } from "./bounded_cache.ts";

Deno.test("BoundedCache forgets what was used least recently", () => {
  const cache = new BoundedCache<number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  assert.equal(cache.get("a"), 1);
  cache.set("c", 3);
  assert.deepEqual(["a", "b", "c"].map((key) => cache.get(key)), [1, undefined, 3]);
});

Deno.test("BoundedCache replaces an entry without forgetting another", () => {
  const cache = new BoundedCache<number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  cache.set("b", 3);
  assert.deepEqual(["a", "b"].map((key) => cache.get(key)), [1, 3]);
});

Deno.test("BoundedCache forgets what was used before what was used last, however often that was used", () => {
  const cache = new BoundedCache<number>(2);
  cache.set("a", 1);
  cache.set("b", 2);
  for (const key of ["b", "a", "a", "b", "b", "a"]) cache.get(key);
  cache.set("c", 3);
  assert.deepEqual(["a", "b", "c"].map((key) => cache.get(key)), [1, undefined, 3]);
});
