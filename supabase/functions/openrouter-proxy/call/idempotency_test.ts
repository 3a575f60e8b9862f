import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { idempotencyOf } from "./idempotency.ts";

const BODY = new TextEncoder().encode('{"model":"m"}');
const of = (key: string) => idempotencyOf(new Headers({ "idempotency-key": key }), BODY);

Deno.test("idempotencyOf is null without the header", async () => {
  assert.equal(await idempotencyOf(new Headers(), BODY), null);
});

Deno.test("idempotencyOf gives the key and the hash of the body that it stands for", async () => {
  assert.deepEqual(await of("k-1"), {
    key: "k-1",
    bodyHash: createHash("sha256").update(BODY).digest("hex"),
  });
  assert.equal((await of("!".repeat(255)))?.key.length, 255);
});

for (const key of ["", "a b", "é", "a\tb", "!".repeat(256)]) {
  Deno.test(`idempotencyOf refuses the key ${JSON.stringify(key.slice(0, 9))}`, async () => {
    await assert.rejects(of(key), { type: "invalid_request" });
  });
}
