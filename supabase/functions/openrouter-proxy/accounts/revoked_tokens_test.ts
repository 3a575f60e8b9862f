import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, GatewayError } from "../errors.ts";
import { onAnswer } from "../testing/on_answer.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { fakeClock } from "../testing/maintenance.ts";
import { TokenRevoked } from "./refusals.ts";
import { createRevokedTokens } from "./revoked_tokens.ts";

/** Asks "Postgres" of tokens, by when they were issued; it says that those before `validAfter` are revoked. */
function serverWith(settings: { validAfter: number; otherwise?: GatewayError }) {
  const clock = fakeClock();
  const revoked = createRevokedTokens(clock.now);
  const asked: string[] = [];
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(revoked.note));
  app.get("/:did/:issuedAt", (c) => {
    const { did, issuedAt } = c.req.param();
    c.set("did", did);
    revoked.refuse(c, did, new Date(Number(issuedAt)));
    asked.push(`${did} ${issuedAt}`);
    if (Number(issuedAt) < settings.validAfter) throw new TokenRevoked();
    if (settings.otherwise) throw settings.otherwise;
    return c.text("fine");
  });
  app.onError((error) => errorResponse(error, "request-1"));
  return {
    clock,
    asked,
    async statuses(...paths: string[]) {
      const responses = await Promise.all(paths.map((path) => app.request(path)));
      return responses.map(({ status }) => status);
    },
  };
}

Deno.test("a token that was revoked is refused for ten seconds without asking, and all that are older", async () => {
  const { clock, asked, statuses } = serverWith({ validAfter: 1_000 });
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.deepEqual(await statuses("/a/500", "/a/499", "/a/0"), [401, 401, 401]);
  clock.pass(9_999);
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.deepEqual(asked, ["a 500"]);
  clock.pass(1);
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.deepEqual(asked, ["a 500", "a 500"]);
});

Deno.test("newer tokens of its DID and those of others are asked of", async () => {
  const { asked, statuses } = serverWith({ validAfter: 1_000 });
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.deepEqual(await statuses("/a/501", "/a/1000", "/b/500"), [401, 200, 401]);
  assert.deepEqual(asked.slice(1), ["a 501", "a 1000", "b 500"]);
});

Deno.test("what is refused for another reason is asked of again", async () => {
  const otherwise = new GatewayError("invalid_token", "not revoked");
  const { asked, statuses } = serverWith({ validAfter: 0, otherwise });
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.deepEqual(await statuses("/a/500"), [401]);
  assert.equal(asked.length, 2);
});

Deno.test("a revocation that the operator takes back ends within ten seconds", async () => {
  const settings = { validAfter: 1_000 };
  const { clock, statuses } = serverWith(settings);
  assert.deepEqual(await statuses("/a/500"), [401]);
  settings.validAfter = 0;
  assert.deepEqual(await statuses("/a/500"), [401]);
  clock.pass(10_000);
  assert.deepEqual(await statuses("/a/500", "/a/500"), [200, 200]);
});
