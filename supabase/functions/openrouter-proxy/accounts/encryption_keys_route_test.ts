import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import { createRequireOperator } from "../http/operator.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { createEncryptionKeys } from "./encryption_keys_route.ts";

const IDS = { current: "k2", previous: "k1" };

/** What the route answers, and how often the vault was asked. */
async function answered(apikey: string, search = "") {
  let asked = 0;
  const vault = {
    keyIds() {
      asked++;
      return Promise.resolve(IDS);
    },
  };
  const app = new Hono<RequestEnv>();
  app.get("/keys", createEncryptionKeys(createRequireOperator(["sb_secret_1"]), vault));
  app.onError((error) => errorResponse(error, "request-1"));
  const response = await app.request(`http://edge/keys${search}`, { headers: { apikey } });
  return { response, body: await response.json(), asked };
}

Deno.test("the operator is told the ids of the encryption keys, which nothing stores on its way", async () => {
  const { response, body } = await answered("sb_secret_1");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(body, { success: true, data: IDS });
});

Deno.test("nobody else is told of encryption keys, and no parameter is passed over", async () => {
  const stranger = await answered("sb_publishable_1");
  assert.deepEqual([stranger.body.error.type, stranger.asked], ["missing_credentials", 0]);
  const odd = await answered("sb_secret_1", "?all=1");
  assert.deepEqual([odd.response.status, odd.body.error.param, odd.asked], [400, "all", 0]);
});
