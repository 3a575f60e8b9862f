import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import {
  base64url,
  createDidToken,
  createIdentity,
  type Identity,
  signRequest,
} from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { startDataApiProxy } from "./harness/data_api_proxy.ts";
import { assertRefused } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const dataApi = startDataApiProxy(() => world.stack.url);
Deno.test.afterAll(dataApi.stop);
const world = useWorld({ env: { SUPABASE_URL: dataApi.url } });

const BODY = chat("hello");

async function post(headers: Record<string, string>): Promise<Response> {
  return await fetch(world.gateway.url + CHAT, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: BODY,
  });
}

async function get(path: string, token: string): Promise<Response> {
  return await fetch(world.gateway.url + path, { headers: { authorization: `Bearer ${token}` } });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function assertAnswered(response: Response) {
  assert.equal(response.status, 200, await response.text());
}

/** A valid DID token, but for what is altered in its header or its claims. */
async function tokenOf(
  identity: Identity,
  header: Record<string, unknown> = {},
  claims: Record<string, unknown> = {},
): Promise<string> {
  const input = unsigned(identity, header, claims);
  return `${input}.${base64url(await identity.sign(new TextEncoder().encode(input)))}`;
}

function unsigned(
  { did, algorithm }: Identity,
  header: Record<string, unknown>,
  claims: Record<string, unknown>,
): string {
  const iat = nowS();
  return [
    { alg: algorithm, typ: "JWT", ...header },
    { iss: did, aud: AUDIENCE, iat, exp: iat + 600, ...claims },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
}

function nowS(): number {
  return Math.floor(Date.now() / 1000);
}

const ownKeyId = ({ did }: Identity) => `${did}#${did.slice("did:key:".length)}`;

/** Tokens of `caller`; `other` has a key of another type. */
const REFUSED: [what: string, token: (caller: Identity, other: Identity) => Promise<string>][] = [
  ["for another audience", (caller) => tokenOf(caller, {}, { aud: `${AUDIENCE}/` })],
  ["for several audiences", (caller) => tokenOf(caller, {}, { aud: [AUDIENCE, "another"] })],
  ["for no audience", (caller) => tokenOf(caller, {}, { aud: undefined })],
  ["issued in the future", (caller) => tokenOf(caller, {}, { iat: nowS() + 200 })],
  ["not valid before the future", (caller) => tokenOf(caller, {}, { nbf: nowS() + 200 })],
  ["that never expires", (caller) => tokenOf(caller, {}, { exp: undefined })],
  ["without a time of issue", (caller) => tokenOf(caller, {}, { iat: undefined })],
  ["that lives longer than an hour", (caller) => tokenOf(caller, {}, { exp: nowS() + 3700 })],
  ["of over 4 KB", (caller) => tokenOf(caller, {}, { pad: "a".repeat(4096) })],
  ["with alg none", (caller) => Promise.resolve(`${unsigned(caller, { alg: "none" }, {})}.`)],
  ["with alg none beside a signature", (caller) => tokenOf(caller, { alg: "none" })],
  [
    "with the alg of another key type",
    (caller, other) => tokenOf(caller, { alg: other.algorithm }),
  ],
  ["with an HMAC keyed by the DID", (caller) => {
    const input = unsigned(caller, { alg: "HS256" }, {});
    const mac = createHmac("sha256", caller.did).update(input).digest("base64url");
    return Promise.resolve(`${input}.${mac}`);
  }],
  ["with crit", (caller) => tokenOf(caller, { crit: ["exp"] })],
  ["with a jwk", (caller) => tokenOf(caller, { jwk: { kty: "OKP", crv: "Ed25519", x: "AA" } })],
  ["with a jku", (caller) => tokenOf(caller, { jku: "https://keys.example/jwks.json" })],
  ["with an x5c", (caller) => tokenOf(caller, { x5c: ["MIIB"] })],
  ["with another DID's kid", (caller, other) => tokenOf(caller, { kid: ownKeyId(other) })],
  ["with a kid that is no text", (caller) => tokenOf(caller, { kid: 0 })],
  ["of another typ", (caller) => tokenOf(caller, { typ: "dpop+jwt" })],
  [
    "that another DID signed",
    (caller, other) => tokenOf({ ...other, did: caller.did }, { alg: caller.algorithm }),
  ],
  ["whose claims were changed after signing", async (caller) => {
    const signature = (await tokenOf(caller)).split(".")[2];
    return `${unsigned(caller, {}, { exp: nowS() + 599 })}.${signature}`;
  }],
  ["whose signature lacks its last byte", async (caller) => {
    const [header, claims, signature] = (await tokenOf(caller)).split(".");
    const cut = Buffer.from(signature!, "base64url").subarray(0, -1).toString("base64url");
    return `${header}.${claims}.${cut}`;
  }],
  ["whose issuer is no DID", (caller) => tokenOf(caller, {}, { iss: "https://tests.example" })],
  ["that is no JWT", () => Promise.resolve("sk-or-v1-0123456789abcdef")],
];

for (const [what, make] of REFUSED) {
  Deno.test(`a token ${what} is refused, without a call of the database or a word in the log`, async () => {
    const { db, gateway, openrouter } = world;
    const [caller, other] = [await newIdentity(), await createIdentity("p256")];
    const token = await make(caller, other);
    const calls = dataApi.calls.length;
    const requests = openrouter.requestCount();

    for (const response of [await post(bearer(token)), await get("/api/v1/usage", token)]) {
      const { request_id } = await assertRefused(response, 401, "invalid_token");
      await until(
        `the line of ${request_id}`,
        () => gateway.log.some((line) => line.request_id === request_id),
      );
    }

    assert.equal(dataApi.calls.length, calls);
    assert.equal(openrouter.requestCount(), requests);
    assert.ok(!gateway.output().includes(token));
    for (const { did } of [caller, other]) {
      assert.deepEqual(await db.rowsOf(did), []);
      assert.equal(await db.keyHash(did), null);
    }
  });
}

const ACCEPTED: [what: string, token: (caller: Identity) => Promise<string>][] = [
  ["names its key by the whole id", (caller) => tokenOf(caller, { kid: ownKeyId(caller) })],
  [
    "names its key by the fragment",
    (caller) => tokenOf(caller, { kid: ownKeyId(caller).slice(caller.did.length) }),
  ],
  ["has almost 4 KB", (caller) => tokenOf(caller, {}, { pad: "a".repeat(2800) })],
  ["was issued by a clock that is ahead", (caller) => tokenOf(caller, {}, { iat: nowS() + 30 })],
  [
    "has just expired, which clocks may see differently",
    (caller) => tokenOf(caller, {}, { iat: nowS() - 60, exp: nowS() - 15 }),
  ],
];

for (const [what, make] of ACCEPTED) {
  Deno.test(`a token that ${what} is accepted`, async () => {
    const caller = await newIdentity();
    await assertAnswered(await post(bearer(await make(caller))));
    const [row] = await world.db.endedRows(caller.did, 1);
    assert.equal(row?.status, "completed");
  });
}

Deno.test("a token is good for any number of requests, on any route", async () => {
  const { db } = world;
  const caller = await newIdentity();
  const token = await createDidToken(caller, { audience: AUDIENCE });
  await Promise.all(
    Array.from({ length: 5 }, async () => assertAnswered(await post(bearer(token)))),
  );
  await db.endedRows(caller.did, 5);
  assert.ok(dataApi.calls.includes("POST /rest/v1/rpc/admit_request"));
  await assertAnswered(await get("/api/v1/openrouter/models", token));
  const usage = await (await get("/api/v1/usage", token)).json();
  assert.equal(usage.data.did, caller.did);
  assert.equal(usage.data.successful_requests, 5);
});

Deno.test("a token beside x-did headers of the same DID changes nothing, even one that has expired", async () => {
  const caller = await newIdentity();
  for (const issuedAt of [nowS(), nowS() - 7200]) {
    const token = await createDidToken(caller, { audience: AUDIENCE, issuedAt });
    await assertAnswered(
      await call(world.gateway, caller, "POST", CHAT, BODY, { headers: bearer(token) }),
    );
  }
  await world.db.endedRows(caller.did, 2);
});

Deno.test("a valid token beside x-did headers of another DID is refused, and neither is known", async () => {
  const { db, gateway } = world;
  const [signer, bearing] = [await newIdentity(), await newIdentity()];
  const headers = bearer(await createDidToken(bearing, { audience: AUDIENCE }));
  const calls = dataApi.calls.length;
  const response = await call(gateway, signer, "POST", CHAT, BODY, { headers });
  await assertRefused(response, 401, "invalid_token");
  assert.equal(dataApi.calls.length, calls);
  for (const { did } of [signer, bearing]) assert.equal(await db.keyHash(did), null);
});

Deno.test("a token does not make up for a wrong signature in x-did headers", async () => {
  const [caller, forger] = [await newIdentity(), await newIdentity()];
  const token = await createDidToken(caller, { audience: AUDIENCE });
  const response = await call(
    world.gateway,
    { ...forger, did: caller.did },
    "POST",
    CHAT,
    BODY,
    { headers: bearer(token) },
  );
  await assertRefused(response, 401, "invalid_signature");
});

/** Revokes the DID's tokens that were issued before this time, in Unix seconds. */
async function revokeTokensBefore(did: string, seconds: number): Promise<void> {
  await world.db.sql`
    insert into public.did_policies (did, tokens_valid_after)
    values (${did}, to_timestamp(${seconds}))
    on conflict (did) do update set tokens_valid_after = excluded.tokens_valid_after`;
}

Deno.test("tokens issued before tokens_valid_after are refused on every route, later ones are not", async () => {
  const { db, gateway } = world;
  const caller = await newIdentity();
  const instant = nowS() - 100;
  const [before, since] = [
    await createDidToken(caller, { audience: AUDIENCE, issuedAt: instant - 1 }),
    await createDidToken(caller, { audience: AUDIENCE, issuedAt: instant }),
  ];
  await assertAnswered(await post(bearer(before)));
  await db.endedRows(caller.did, 1);

  await revokeTokensBefore(caller.did, instant);

  for (
    const response of [
      await post(bearer(before)),
      await get("/api/v1/openrouter/models", before),
      await get("/api/v1/openrouter/key", before),
      await get("/api/v1/usage", before),
      await get("/api/v1/usage/requests", before),
      await get(`/api/v1/usage/requests/${crypto.randomUUID()}`, before),
      await get("/api/v1/limits", before),
    ]
  ) await assertRefused(response, 401, "invalid_token");
  assert.equal((await db.rowsOf(caller.did)).length, 1);

  await assertAnswered(await post(bearer(since)));
  await assertAnswered(await get("/api/v1/openrouter/models", since));
  await assertAnswered(await get("/api/v1/usage", since));
  await assertAnswered(
    await call(gateway, caller, "POST", CHAT, BODY, { headers: bearer(before) }),
  );
  await assertAnswered(await call(gateway, caller, "GET", "/api/v1/usage"));
  await db.endedRows(caller.did, 3);
});

Deno.test("whoever goes on with a revoked token does not shut its DID out", async () => {
  const caller = await newIdentity();
  const token = await createDidToken(caller, { audience: AUDIENCE });
  await assertAnswered(await post(bearer(token)));
  await world.db.endedRows(caller.did, 1);
  await revokeTokensBefore(caller.did, nowS() + 100);
  for (let n = 0; n < 130; n++) {
    await assertRefused(await get("/api/v1/openrouter/files", token), 403, "path_forbidden");
  }
  await assertRefused(await get("/api/v1/usage", token), 401, "invalid_token");
  const calls = dataApi.calls.length;
  for (const path of ["/api/v1/usage", "/api/v1/openrouter/models", "/api/v1/openrouter/files"]) {
    await assertRefused(await get(path, token), 401, "invalid_token");
  }
  assert.equal(dataApi.calls.length, calls);
  await assertAnswered(await call(world.gateway, caller, "POST", CHAT, BODY));
  await world.db.endedRows(caller.did, 2);
});

Deno.test("a revoked token makes no account, and revokes nobody else's", async () => {
  const [revoked, other] = [await newIdentity(), await newIdentity()];
  await revokeTokensBefore(revoked.did, nowS() + 100);
  const token = (caller: Identity) => createDidToken(caller, { audience: AUDIENCE });
  await assertRefused(await post(bearer(await token(revoked))), 401, "invalid_token");
  assert.equal(await world.db.keyHash(revoked.did), null);
  assert.deepEqual(world.openrouter.keysNamed(revoked.did), []);
  await assertAnswered(await post(bearer(await token(other))));
  await world.db.endedRows(other.did, 1);
});

Deno.test("a forger's answer is the same for a DID with an account, without one, and a disabled one", async () => {
  const { db, gateway } = world;
  const [known, unknown, disabled, forger] = await Promise.all(
    [newIdentity(), newIdentity(), newIdentity(), newIdentity()],
  );
  for (const identity of [known, disabled]) {
    await assertAnswered(await call(gateway, identity, "POST", CHAT, BODY));
    await db.endedRows(identity.did, 1);
  }
  await db.sql`update public.user_api_keys set status = 'disabled' where did = ${disabled.did}`;
  const [timestamp, nonce] = [nowS(), crypto.randomUUID()];
  const calls = dataApi.calls.length;

  async function refusals(did: string): Promise<string[]> {
    const forged = { ...forger, did };
    const request = { audience: AUDIENCE, method: "POST", path: CHAT, body: BODY };
    const answers = [
      [await signRequest(forged, { ...request, timestamp, nonce }), "invalid_signature"],
      [bearer(await tokenOf(forged)), "invalid_token"],
    ] as const;
    return await Promise.all(answers.map(async ([headers, type]) => {
      const response = await post(headers);
      const names = [...response.headers.keys()].join();
      const { request_id: _, server_time: __, ...refusal } = await assertRefused(
        response,
        401,
        type,
      );
      return (JSON.stringify(refusal) + names).replaceAll(did, "the DID");
    }));
  }

  const expected = await refusals(unknown.did);
  assert.deepEqual(await refusals(known.did), expected);
  assert.deepEqual(await refusals(disabled.did), expected);
  assert.equal(dataApi.calls.length, calls);
});
