import assert from "node:assert/strict";
import { oneLine } from "./command.ts";

Deno.test("oneLine tells an error in one line, by its code where it has no message", () => {
  assert.equal(oneLine(new Error("a:\n  b\n  c")), "a: b c");
  assert.equal(oneLine(Object.assign(new Error(""), { code: "ECONNREFUSED" })), "ECONNREFUSED");
  assert.equal(oneLine("text"), "text");
});

Deno.test("oneLine tells why a fetch failed, which its error keeps in its cause", async () => {
  const { hostname, port } = await unusedAddress();
  const error = await fetch(`http://${hostname}:${port}/x`).catch((error) => error);
  assert.match(oneLine(error), /[Cc]onnection refused|ECONNREFUSED/);
  const cause = new AggregateError([], "");
  assert.equal(
    oneLine(
      new TypeError("fetch failed", { cause: Object.assign(cause, { code: "ECONNREFUSED" }) }),
    ),
    "ECONNREFUSED",
  );
  assert.equal(
    oneLine(new TypeError("what was meant", { cause: new Error("why") })),
    "what was meant",
  );
});

/** Where nothing listens. */
async function unusedAddress() {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(),
  );
  await server.shutdown();
  return server.addr;
}

Deno.test("oneLine tells why something was released, and what went wrong with that", async () => {
  async function fail() {
    await using releasing = new AsyncDisposableStack();
    releasing.defer(() => Promise.reject(new Error("it is gone already")));
    throw new Error("interrupted");
  }
  const error = await fail().catch((error) => error);
  assert.equal(oneLine(error), "interrupted; then: it is gone already");
});
