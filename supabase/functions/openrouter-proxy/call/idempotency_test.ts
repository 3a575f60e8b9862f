import assert from "node:assert/strict";
import { idempotencyOf } from "./idempotency.ts";

const BODY = new TextEncoder().encode('{"model":"m"}');
const PATH = "/chat/completions";
const of = (key: string, path = PATH, body = BODY) =>
  idempotencyOf(new Headers({ "idempotency-key": key }), path, body);

Deno.test("idempotencyOf is null without the header", async () => {
  assert.equal(await idempotencyOf(new Headers(), PATH, BODY), null);
});

Deno.test("idempotencyOf gives the key and a hash of the path and the body that it stands for", async () => {
  const first = await of("k-1");
  assert.equal(first?.key, "k-1");
  // Of the path, a line's end, and the hash of the body: what Postgres remembers across releases.
  assert.equal(first.bodyHash, "0d38b79a647561d02a2fae0bba1c474ba35aeaa7839ef8e55a66b3c0f9b622dc");
  assert.deepEqual(await of("k-1"), first);
  assert.equal((await of("!".repeat(255)))?.key.length, 255);

  const body = new TextEncoder().encode('{"model":"n"}');
  for (const other of [await of("k-1", "/responses"), await of("k-1", PATH, body)]) {
    assert.notEqual(other?.bodyHash, first.bodyHash);
  }
});

Deno.test("idempotencyOf tells a path that ends in what a body begins with from the two", async () => {
  const one = await of("k-1", "/a", new TextEncoder().encode("\nb"));
  assert.notEqual(
    one?.bodyHash,
    (await of("k-1", "/a\n", new TextEncoder().encode("b")))?.bodyHash,
  );
});

for (const key of ["", "a b", "é", "a\tb", "!".repeat(256)]) {
  Deno.test(`idempotencyOf refuses the key ${JSON.stringify(key.slice(0, 9))}`, async () => {
    await assert.rejects(of(key), {
      type: "invalid_request",
      message: "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces",
    });
  });
}
