import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, GatewayError } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import type { AdmissionRequest } from "../store/admission.ts";
import type { Admission } from "../store/admission_decision.ts";
import { identifiedAs, identifyAs } from "../testing/identified.ts";
import { createToken } from "./token_route.ts";

const IDENTITY = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };

const identify = identifyAs(identifiedAs(IDENTITY));

/** What the route answers to a decision of Postgres, and what that was asked. */
async function answered(
  decision: Admission,
  sign: Parameters<typeof createToken>[2],
  search = "",
  identifies = identify,
) {
  const asked: AdmissionRequest[] = [];
  const app = new Hono<RequestEnv>();
  app.use(async (c, next) => {
    c.set("requestId", "request-1");
    await next();
  });
  const admit = (request: AdmissionRequest) => {
    asked.push(request);
    return Promise.resolve(decision);
  };
  app.post("/token", createToken(identifies, { admit }, sign));
  app.onError((error) => errorResponse(error, "request-1"));
  const response = await app.request(`http://edge/token${search}`, { method: "POST" });
  return { status: response.status, body: await response.json(), asked };
}

const ADMITTED: Admission = {
  decision: "admitted",
  key: null,
  requestTime: "2026-11-27T10:00:00Z",
  rate: null,
  remainingUsd: null,
};
const sign = (did: string) =>
  Promise.resolve({ token: `token of ${did}`, expiresAt: new Date("2026-11-27T11:00:00Z") });

Deno.test("who is admitted gets a token, and is told until when it holds", async () => {
  const { status, body, asked } = await answered(ADMITTED, sign);
  assert.equal(status, 200);
  assert.deepEqual(body, {
    success: true,
    data: { token: `token of ${IDENTITY.did}`, expires_at: "2026-11-27T11:00:00.000Z" },
  });
  const [{ requestId, did, method, endpoint, metered, estimate }] = asked as [AdmissionRequest];
  assert.deepEqual([requestId, did, method, endpoint, metered, estimate], [
    "request-1",
    IDENTITY.did,
    "POST",
    "/token",
    false,
    [],
  ]);
});

Deno.test("Postgres is told by what somebody asks for a token, and the body's memory is given back", async () => {
  const tokenIssuedAt = new Date("2026-11-27T09:00:00Z");
  const replay = { hash: "ab", expiresAt: new Date("2026-11-27T10:06:00Z") };
  for (const members of [{ tokenIssuedAt, replay: null }, { tokenIssuedAt: null, replay }]) {
    for (const decision of [ADMITTED, { decision: "token_revoked" } as Admission]) {
      let disposals = 0;
      const identifies = identifyAs(
        identifiedAs({ ...IDENTITY, ...members }, { [Symbol.dispose]: () => disposals++ }),
      );
      const { status, asked } = await answered(decision, sign, "", identifies);
      assert.equal(status, decision === ADMITTED ? 200 : 401);
      assert.deepEqual([asked[0]?.tokenIssuedAt, asked[0]?.replay, disposals], [
        members.tokenIssuedAt,
        members.replay,
        1,
      ]);
    }
  }
});

Deno.test("who is not admitted, or asks for what there is not, gets no token", async () => {
  const refused = await answered({ decision: "access_denied", why: "blocked" }, sign);
  assert.deepEqual([refused.status, refused.body.error.type], [403, "access_denied"]);
  const unset = await answered(ADMITTED, null);
  assert.equal(unset.body.error.type, "not_configured");
  assert.equal(
    unset.body.error.message,
    "this gateway makes no Supabase tokens: its operator has not set GATEWAY_JWT_KEY",
  );
  assert.deepEqual(unset.asked, []);
  const odd = await answered(ADMITTED, sign, "?did=did:key:z6MkOther");
  assert.deepEqual([odd.status, odd.body.error.param, odd.asked], [400, "did", []]);
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
  assert.equal(error.message, "the gateway's GATEWAY_JWT_KEY does not work");
  assert.equal(error.cause, cause);
});
