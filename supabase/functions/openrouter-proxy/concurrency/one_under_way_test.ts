import assert from "node:assert/strict";
import { oneUnderWay } from "./one_under_way.ts";

Deno.test("who asks while one is under way gets the same; others, and those who come later, their own", async () => {
  const begun: string[] = [];
  const begin = (name: string) => () => {
    begun.push(name);
    return Promise.resolve(name);
  };
  const once = oneUnderWay<string>();
  const asked = [once("a", begin("a1")), once("a", begin("a2")), once("b", begin("b1"))];
  assert.deepEqual(await Promise.all(asked), ["a1", "a1", "b1"]);
  assert.equal(await once("a", begin("a3")), "a3");
  assert.deepEqual(begun, ["a1", "b1", "a3"]);
});

Deno.test("what fails is begun anew, and what cannot begin is not under way", async () => {
  const once = oneUnderWay<string>();
  await assert.rejects(once("a", () => Promise.reject(new Error("failed"))), /failed/);
  assert.throws(() =>
    once("a", () => {
      throw new Error("no room");
    }), /no room/);
  assert.equal(await once("a", () => Promise.resolve("done")), "done");
});
