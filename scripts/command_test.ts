import assert from "node:assert/strict";
import { oneLine } from "./command.ts";

Deno.test("oneLine tells an error in one line, by its code where it has no message", () => {
  assert.equal(oneLine(new Error("a:\n  b\n  c")), "a: b c");
  assert.equal(oneLine(Object.assign(new Error(""), { code: "ECONNREFUSED" })), "ECONNREFUSED");
  assert.equal(oneLine("text"), "text");
});

Deno.test("oneLine tells why something was released, and what went wrong with that", async () => {
  async function fail() {
    await using releasing = new AsyncDisposableStack();
    releasing.defer(() => Promise.reject(new Error("it is gone already")));
    throw new Error("interrupted");
  }
  const error = await fail().catch((error) => error);
  assert.equal(oneLine(error), "interrupted; then: it is gone already");
});
