import assert from "node:assert/strict";
import { Hono } from "hono";
import type { Identity } from "../auth/authenticate.ts";
import { GatewayError } from "../errors.ts";
import { bodiesUnderWay } from "../http/bodies/bodies_under_way.ts";
import { bodyLimits } from "../http/bodies/body_limits.ts";
import type { RequestEnv } from "../http/request_log.ts";
import { createIdentify } from "./identify.ts";

const IDENTITY: Identity = { did: "did:key:z6Mk", replay: null, tokenIssuedAt: null };

/**
 * What happens to a request, in its order.
 *
 * @param known what is known of it before its body comes
 * @param refusal of its signature
 * @param revocation the refusal of its token
 */
async function steps(
  known: Identity | null,
  refusal: Error | null = null,
  revocation: Error | null = null,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  const bodies = bodiesUnderWay(bodyLimits(1_000), { now: () => 0, sleep: async () => {} });
  const identify = createIdentify(
    ({ method, pathAndQuery }) => {
      seen.push(`${method} ${pathAndQuery}`);
      return Promise.resolve({
        identity: known,
        verify(body) {
          seen.push(`verify ${new TextDecoder().decode(body)}`);
          return refusal ? Promise.reject(refusal) : Promise.resolve(IDENTITY);
        },
      });
    },
    1_000,
    {
      async enter(sender, bufferBytes) {
        seen.push(`body of ${sender.did}, ${sender.kind}`);
        const place = await bodies.enter(sender, bufferBytes);
        const giveBack = place[Symbol.dispose].bind(place);
        place[Symbol.dispose] = () => {
          seen.push("room is given back");
          giveBack();
        };
        return place;
      },
    },
    {
      hear: (did) => void seen.push(`refusals of ${did}`),
      countRead: (_c, did) => void seen.push(`read of ${did}`),
    },
    {
      refuse(_c, did, issuedAt) {
        seen.push(["token of", did, issuedAt]);
        if (revocation !== null) throw revocation;
      },
    },
  );
  const app = new Hono<RequestEnv>();
  app.post("*", async (c) => {
    const sender = await identify(c);
    seen.push(["known", sender.identity?.did, c.get("did"), c.get("bodyReceived")]);
    using identified = await sender.receive();
    seen.push(["received", identified.identity.did, c.get("did"), c.get("bodyReceived")]);
    identified.countRead();
    return c.text("x");
  });
  app.onError((error, c) => {
    seen.push(error);
    return c.body(null, 500);
  });
  const url = "http://edge/openrouter-proxy/api/v1/x?y";
  await app.fetch(new Request(url, { method: "POST", body: "abc" }));
  return seen;
}

Deno.test("who presents a token is heard, or not, before any of the body comes", async () => {
  const { did } = IDENTITY;
  const token = { ...IDENTITY, tokenIssuedAt: new Date(1_000) };
  assert.deepEqual(await steps(token), [
    "POST /api/v1/x?y",
    ["token of", did, token.tokenIssuedAt],
    `refusals of ${did}`,
    ["known", did, did, undefined],
    `body of ${did}, verified`,
    "verify abc",
    ["received", did, did, true],
    `read of ${did}`,
    "room is given back",
  ]);
});

Deno.test("who signs is known, and heard, once the body was verified", async () => {
  const { did } = IDENTITY;
  assert.deepEqual(await steps(null), [
    "POST /api/v1/x?y",
    ["known", undefined, undefined, undefined],
    "body of null, unverified",
    "verify abc",
    `refusals of ${did}`,
    ["received", did, did, true],
    `read of ${did}`,
    "room is given back",
  ]);
});

Deno.test("a token that is known to be revoked is refused before anything counts or comes", async () => {
  const { did } = IDENTITY;
  const [issuedAt, refusal] = [new Date(1_000), new GatewayError("invalid_token", "no")];
  assert.deepEqual(
    (await steps({ ...IDENTITY, tokenIssuedAt: issuedAt }, null, refusal)).slice(1),
    [
      ["token of", did, issuedAt],
      refusal,
    ],
  );
});

Deno.test("a body whose signature is wrong gives its room back, and counts in no rate", async () => {
  const refusal = new GatewayError("invalid_signature", "no");
  assert.deepEqual((await steps(null, refusal)).slice(2), [
    "body of null, unverified",
    "verify abc",
    "room is given back",
    refusal,
  ]);
});
