import assert from "node:assert/strict";
import { Hono } from "hono";
import type { Identity } from "../auth/authenticate.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { GatewayError } from "../errors.ts";
import { identifiedAs, identifyAs } from "../testing/identified.ts";
import { assertRefused } from "../testing/signers.ts";
import { createOwnReport } from "./own_report.ts";

Deno.test("a report waits for what its DID has seen the end of", async () => {
  const steps: string[] = [];
  const { promise: until, resolve: settle } = Promise.withResolvers<void>();
  const identity = { did: "did:key:zTest", tokenIssuedAt: null, replay: null } as Identity;
  const route = createOwnReport(
    identifyAs(identifiedAs(identity)),
    { tokenIsRevoked: () => Promise.resolve(false) },
    async (did) => {
      steps.push(`waits for ${did}`);
      await until;
    },
    [],
    (did) => {
      steps.push(`tells ${did}`);
      return Promise.resolve("1");
    },
  );
  const answer = new Hono<RequestEnv>().get("/", route).request("http://edge/");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(steps, ["waits for did:key:zTest"]);
  settle();
  assert.deepEqual(await (await answer).json(), { success: true, data: 1 });
  assert.deepEqual(steps, ["waits for did:key:zTest", "tells did:key:zTest"]);
});

Deno.test("of a token that is revoked nothing is told but that, whatever its report comes to", async () => {
  const identity = { did: "did:key:zTest", tokenIssuedAt: new Date(0), replay: null } as Identity;
  const { promise: isRevoked, resolve: answer } = Promise.withResolvers<boolean>();
  const refusals: unknown[] = [];
  const route = createOwnReport(
    identifyAs(identifiedAs(identity)),
    { tokenIsRevoked: () => isRevoked },
    () => Promise.resolve(),
    [],
    () => Promise.reject(new GatewayError("not_found", "you have no such request")),
  );
  const app = new Hono<RequestEnv>().get("/", route);
  app.onError((error, c) => {
    refusals.push(error);
    return c.body(null, 401);
  });
  const told = app.request("http://edge/");
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(refusals, []);
  answer(true);
  await told;
  await assertRefused(Promise.reject(refusals[0]), "invalid_token", /revoked/);
});
