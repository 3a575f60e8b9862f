import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, GatewayError } from "../errors.ts";
import { noStore } from "./no_store.ts";
import { onAnswer } from "../testing/on_answer.ts";
import type { RequestEnv } from "./request_log.ts";

/** What an answer says of caches that said this before. */
async function told(method: string, did: string | undefined, before: string | null) {
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(noStore));
  app.all("/x", (c) => {
    c.set("did", did);
    return c.body("x", 200, before === null ? {} : { "cache-control": before });
  });
  return (await app.request("/x", { method })).headers.get("cache-control");
}

Deno.test("no cache keeps what a DID reads, whatever OpenRouter says of it", async () => {
  for (const method of ["GET", "HEAD"]) {
    for (const before of [null, "public, max-age=300", "private"]) {
      assert.equal(await told(method, "did:key:z6Mk", before), "no-store");
    }
  }
});

Deno.test("another answer keeps what it says of caches, and is kept by none if it says nothing", async () => {
  for (const [method, did] of [["GET", undefined], ["POST", "did:key:z6Mk"]] as const) {
    assert.equal(await told(method, did, null), "no-store");
    assert.equal(await told(method, did, "public, max-age=300"), "public, max-age=300");
  }
});

Deno.test("no cache keeps a refusal", async () => {
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(noStore));
  app.onError((error) => errorResponse(error, "1"));
  app.get("/x", () => {
    throw new GatewayError("missing_credentials", "sign it");
  });
  const response = await app.request("/x");
  assert.deepEqual([response.status, response.headers.get("cache-control")], [401, "no-store"]);
});
