import assert from "node:assert/strict";
import { Hono } from "hono";
import type { Identify } from "../call/identify.ts";
import { GatewayError } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { createToken } from "./token_route.ts";

const IDENTITY = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };
const identify: Identify = () =>
  Promise.resolve({
    identity: IDENTITY,
    receive: () =>
      Promise.resolve({
        identity: IDENTITY,
        body: new Uint8Array(),
        [Symbol.dispose]: () => {},
      }),
  });

Deno.test("a key that does not sign is the operator's to mend, whose log tells why", async () => {
  const cause = new DOMException("not a point of the curve", "DataError");
  const thrown: unknown[] = [];
  const app = new Hono<RequestEnv>();
  const admit = () =>
    Promise.resolve(
      {
        decision: "admitted",
        key: null,
        requestTime: "2026-11-27T10:00:00Z",
        rate: null,
        remainingUsd: null,
      } as const,
    );
  app.post("/token", createToken(identify, { admit }, () => Promise.reject(cause)));
  app.onError((error, c) => {
    thrown.push(error);
    return c.body(null, 500);
  });
  await app.request("http://edge/token", { method: "POST" });
  const [error] = thrown;
  assert.ok(error instanceof GatewayError);
  assert.equal(error.type, "misconfigured");
  assert.match(error.message, /GATEWAY_JWT_KEY/);
  assert.equal(error.cause, cause);
});
