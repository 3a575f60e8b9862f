import assert from "node:assert/strict";
import {
  base64url,
  createDidToken,
  createIdentity,
  type Identity,
} from "../../../scripts/client/llm_gateway.ts";
import { AUDIENCE, call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { sha256 } from "./harness/openrouter.ts";
import { rawRequest } from "./harness/raw_http.ts";
import { assertRefusal, assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 2 });

const BODY = chat("who am I?");

/** Asserts that the attempt reaches nobody: no row, no account, nothing at OpenRouter. */
async function assertWithoutTrace(did: string, attempt: () => Promise<void>) {
  const { db, openrouter } = world;
  const before = openrouter.requestCount();
  await attempt();
  assert.equal(openrouter.requestCount(), before);
  assert.deepEqual(await db.rowsOf(did), []);
  assert.equal(await db.keyHash(did), null);
}

async function post(headers: Record<string, string>, path = CHAT, body = BODY): Promise<Response> {
  return await fetch(world.gateway.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

/** Headers of a request whose signature covers `lines` with one of them altered. */
async function signedWithAltered(
  identity: Identity,
  index: number,
  altered: string,
): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const nonce = crypto.randomUUID();
  const lines = [
    "llm-gateway:v1",
    AUDIENCE,
    identity.did,
    timestamp,
    nonce,
    "POST",
    CHAT,
    sha256(BODY),
  ];
  lines[index] = altered;
  return {
    "x-did": identity.did,
    "x-did-timestamp": timestamp,
    "x-did-nonce": nonce,
    "x-did-signature": base64url(
      await identity.sign(new TextEncoder().encode(lines.join("\n"))),
    ),
  };
}

const ALTERED: [line: string, index: number, altered: () => string][] = [
  ["version", 0, () => "llm-gateway:v2"],
  ["audience", 1, () => "https://elsewhere.example/functions/v1/openrouter-proxy"],
  ["DID", 2, () => "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"],
  ["timestamp", 3, () => String(Math.floor(Date.now() / 1000) - 100)],
  ["nonce", 4, () => "another-nonce"],
  ["method", 5, () => "PUT"],
  ["path", 6, () => "/api/v1/openrouter/completions"],
  ["query", 6, () => `${CHAT}?x=1`],
  ["hash of the body", 7, () => sha256(`${BODY} `)],
];

Deno.test("the eight lines, signed as they are, are accepted", async () => {
  const identity = await newIdentity();
  const response = await post(await signedWithAltered(identity, 0, "llm-gateway:v1"));
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

for (const [line, index, altered] of ALTERED) {
  Deno.test(`a signature over another ${line} is refused without a trace`, async () => {
    const identity = await newIdentity();
    await assertWithoutTrace(identity.did, async () => {
      const response = await post(await signedWithAltered(identity, index, altered()));
      await assertRefused(response, 401, "invalid_signature");
    });
  });
}

Deno.test("another DID's signature is refused without a trace", async () => {
  const [victim, attacker] = [await newIdentity(), await newIdentity()];
  await assertWithoutTrace(victim.did, async () => {
    const headers = await signed({ ...attacker, did: victim.did }, "POST", CHAT, BODY);
    await assertRefused(await post(headers), 401, "invalid_signature");
  });
});

Deno.test("a signed message is accepted once, on whichever process it arrives", async () => {
  const { db, gateways } = world;
  const identity = await newIdentity();
  const headers = await signed(identity, "POST", CHAT, BODY);

  const answers = await Promise.all(Array.from({ length: 10 }, async (_, index) => {
    const { status, headers: answered, body } = await fetchText(gateways[index % 2]!.url, headers);
    if (status !== 200) {
      assertRefusal({ status, headers: answered, body }, 401, "replayed_request");
    }
    return status;
  }));

  assert.equal(answers.filter((status) => status === 200).length, 1);
  assert.equal((await db.endedRows(identity.did, 1)).length, 1);
});

async function fetchText(gatewayUrl: string, headers: Record<string, string>) {
  const response = await fetch(gatewayUrl + CHAT, { method: "POST", headers, body: BODY });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

Deno.test("what a client sends as the body of a GET is not signed", async () => {
  const { url } = world.gateway;
  const path = "/api/v1/limits";
  for (const [body, status] of [["", 200], ["{}", 401]] as const) {
    const headers = Object.entries(await signed(await newIdentity(), "GET", path, body));
    const answer = await rawRequest(url, "GET", new URL(url).pathname + path, headers, "{}");
    assert.equal(answer.status, status, answer.body);
    assert.equal(answer.body.includes("GET has no body"), status === 401, answer.body);
  }
});

Deno.test("a signed GET may be sent again", async () => {
  const identity = await newIdentity();
  const path = "/api/v1/openrouter/models";
  const headers = await signed(identity, "GET", path);
  for (let n = 0; n < 2; n++) {
    const response = await fetch(world.gateway.url + path, { headers });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
});

for (
  const [what, offsetS] of [["310 s old", -310], ["90 s ahead", 90]] as const
) {
  Deno.test(`a timestamp ${what} is refused without a trace, and the answer tells the time`, async () => {
    const identity = await newIdentity();
    const now = Math.floor(Date.now() / 1000);
    const headers = await signedAt(identity, now + offsetS);
    await assertWithoutTrace(identity.did, async () => {
      const refusal = await assertRefused(await post(headers), 401, "expired_timestamp");
      assert.ok(Math.abs(Number(refusal.server_time) - now) < 60);
    });
  });
}

async function signedAt(identity: Identity, timestamp: number): Promise<Record<string, string>> {
  const nonce = crypto.randomUUID();
  const message = [
    "llm-gateway:v1",
    AUDIENCE,
    identity.did,
    timestamp,
    nonce,
    "POST",
    CHAT,
    sha256(BODY),
  ].join("\n");
  return {
    "x-did": identity.did,
    "x-did-timestamp": String(timestamp),
    "x-did-nonce": nonce,
    "x-did-signature": base64url(await identity.sign(new TextEncoder().encode(message))),
  };
}

for (const name of ["x-did", "x-did-timestamp", "x-did-nonce", "x-did-signature"]) {
  Deno.test(`a second ${name} header is refused without a trace, be it the same or another`, async () => {
    const identity = await newIdentity();
    const headers = await signed(identity, "POST", CHAT, BODY);
    const value = headers[name]!;
    for (const second of [value, `${value.slice(0, -1)}1`]) {
      await assertWithoutTrace(identity.did, async () => {
        const { pathname } = new URL(world.gateway.url);
        const answer = await rawRequest(
          world.gateway.url,
          "POST",
          pathname + CHAT,
          [...Object.entries(headers), [name, second]],
          BODY,
        );
        assertRefusal(answer, 400, "invalid_request");
      });
    }
  });
}

for (
  const [what, didOf] of [
    ["with a fragment", (did: string) => `${did}#${did.slice("did:key:".length)}`],
    ["of 10 KB", (did: string) => did + "a".repeat(10_000)],
    ["with a query", (did: string) => `${did}?versionId=1`],
    ["with a path", (did: string) => `${did}/a`],
    ["in two", (did: string) => `${did},${did}`],
    ["that is no DID", () => "alice"],
  ] as const
) {
  Deno.test(`a DID ${what} is refused without a trace`, async () => {
    const identity = await newIdentity();
    const did = didOf(identity.did);
    const headers = await signed({ ...identity, did }, "POST", CHAT, BODY);
    await assertWithoutTrace(did, async () => {
      await assertRefused(await post(headers), 401, "invalid_did");
    });
  });
}

for (const did of ["did:example:123", "did:ion:EiA", "did:web:tests.example"]) {
  Deno.test(`${did} is of no method that the gateway takes`, async () => {
    const headers = await signed({ ...await newIdentity(), did }, "POST", CHAT, BODY);
    await assertWithoutTrace(did, async () => {
      await assertRefused(await post(headers), 401, "unsupported_did_method");
    });
  });
}

for (
  const [what, path, headers] of [
    ["without credentials", CHAT, {}],
    ["without credentials", "/api/v1/usage", {}],
    ["with an empty Bearer", CHAT, { authorization: "Bearer " }],
    ["with a Basic authorization", CHAT, { authorization: "Basic YTpi" }],
    ["with an apikey alone", CHAT, { apikey: "sb_publishable_x" }],
    ["with a DID and no signature", CHAT, { "x-did": "did:key:z6Mk" }],
    ["with a header that only looks like a DID's", CHAT, { "x-did-anything": "1" }],
  ] as const
) {
  Deno.test(`a request to ${path} ${what} is refused without a trace`, async () => {
    const before = world.openrouter.requestCount();
    const response = path === CHAT
      ? await post(headers)
      : await fetch(world.gateway.url + path, { headers });
    await assertRefused(response, 401, "missing_credentials");
    assert.equal(world.openrouter.requestCount(), before);
  });
}

Deno.test("a DID token is taken as the key of any SDK, until it is revoked", async () => {
  const { db } = world;
  const identity = await newIdentity();
  const authorization = `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}`;

  for (let n = 0; n < 2; n++) {
    const response = await post({ authorization });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  await db.endedRows(identity.did, 2);

  await db.sql`
    insert into public.did_policies (did, tokens_valid_after)
    values (${identity.did}, now() + interval '1 minute')`;
  await assertRefused(await post({ authorization }), 401, "invalid_token");
  assert.equal((await db.rowsOf(identity.did)).length, 2);
});

Deno.test("a DID token with another audience or too long-lived is refused without a trace", async () => {
  const identity = await createIdentity("p256");
  const tokens = [
    await createDidToken(identity, { audience: `${AUDIENCE}/` }),
    await createDidToken(identity, { audience: AUDIENCE, ttlSeconds: 3601 }),
  ];
  await assertWithoutTrace(identity.did, async () => {
    for (const token of tokens) {
      const response = await post({ authorization: `Bearer ${token}` });
      await assertRefused(response, 401, "invalid_token");
    }
  });
});

Deno.test("a DID token beside a signature must name the same DID", async () => {
  const [signer, other] = [await newIdentity(), await newIdentity()];
  const token = await createDidToken(other, { audience: AUDIENCE });
  await assertWithoutTrace(signer.did, async () => {
    const response = await call(world.gateway, signer, "POST", CHAT, BODY, {
      headers: { authorization: `Bearer ${token}` },
    });
    await assertRefused(response, 401, "invalid_token");
  });
});

Deno.test("a DID that the operator disabled is refused, and its key stays unused", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const first = await call(world.gateway, identity, "POST", CHAT, BODY);
  await first.body?.cancel();
  await db.sql`
    update public.user_api_keys set status = 'disabled' where did = ${identity.did}`;

  const response = await call(world.gateway, identity, "POST", CHAT, BODY);

  await assertRefused(response, 403, "access_denied");
  assert.equal(openrouter.keyOf(await db.keyHash(identity.did)).generations, 1);
});
