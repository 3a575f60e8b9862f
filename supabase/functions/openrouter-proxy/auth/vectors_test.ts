import { base58, base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { createDidResolver, parseDid } from "./did.ts";
import { type Bytes, concat, sha256Hex, utf8 } from "../bytes/encodings.ts";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  bearer,
  type SignedParts,
} from "../testing/signers.ts";
import vectors from "./testdata/vectors.json" with { type: "json" };

const authenticate = authenticatorWith({ now: () => vectors.now * 1000 });

type RequestVector = typeof vectors.signed_requests[number];

function requestOf(vector: RequestVector, changes: Partial<SignedParts> = {}): SignedParts {
  return {
    method: vector.method,
    pathAndQuery: vector.path,
    headers: new Headers(vector.headers),
    body: utf8(vector.body),
    ...changes,
  };
}

function withHeader(vector: RequestVector, name: string, value: string): SignedParts {
  return requestOf(vector, { headers: new Headers({ ...vector.headers, [name]: value }) });
}

const OTHERS = ["0", "A", "z", "_", "-"];

/**
 * Texts that differ from this one in a single character, which is replaced, inserted and left out at
 * each position: by one of the others in turn, and by each near the ends, where a reader may trim, pad
 * or pass over bits.
 */
function* neighbours(text: string): Generator<string> {
  for (let i = 0; i <= text.length; i++) {
    const isNearAnEnd = i < 2 || i > text.length - 4;
    // Hex is read without regard to case, so that a letter's other case would be no change.
    for (const other of isNearAnEnd ? OTHERS : OTHERS.slice(i % 5, i % 5 + 1)) {
      if (other.toLowerCase() !== text[i]?.toLowerCase()) {
        yield text.slice(0, i) + other + text.slice(i + 1);
        yield text.slice(0, i) + other + text.slice(i);
      }
    }
    if (i < text.length) yield text.slice(0, i) + text.slice(i + 1);
  }
}

/** Asserts a GatewayError of a 4xx status: refused on purpose, not by an accident. */
async function assertAnyRefusal(request: SignedParts, what: string): Promise<void> {
  await assert.rejects(
    authenticate(request),
    (error) => error instanceof GatewayError && error.status < 500,
    what,
  );
}

for (const vector of vectors.signed_requests) {
  const timestampMs = Number(vector.headers["x-did-timestamp"].padEnd(13, "0"));

  Deno.test(`the signed request "${vector.name}" is accepted as its DID`, async () => {
    const identity = await authenticate(requestOf(vector));
    assert.equal(identity.did, vector.headers["x-did"]);
    assert.equal(identity.replay?.hash, await sha256Hex(utf8(vector.message)));
    assert.ok(identity.replay.expiresAt.getTime() >= timestampMs + 300_000);
    assert.equal(identity.tokenIssuedAt, null);
  });

  Deno.test(`the signed request "${vector.name}" is refused after a change of any line`, async () => {
    const otherAudience = authenticatorWith({
      audience: `${AUDIENCE}/`,
      now: () => vectors.now * 1000,
    });
    await assertRefused(otherAudience(requestOf(vector)), "invalid_signature");

    const changes: Partial<SignedParts>[] = [
      { method: vector.method === "GET" ? "POST" : "GET" },
      ...[...neighbours(vector.path)].map((pathAndQuery) => ({ pathAndQuery })),
      ...[...neighbours(vector.body)].map((body) => ({ body: utf8(body) })),
    ];
    for (const change of changes) {
      await assertRefused(authenticate(requestOf(vector, change)), "invalid_signature");
    }
    const secondsLater = String(Number(vector.headers["x-did-timestamp"]) + 1);
    await assertRefused(
      authenticate(withHeader(vector, "x-did-timestamp", secondsLater)),
      "invalid_signature",
    );
    await assertRefused(
      authenticate(withHeader(vector, "x-did-nonce", `${vector.headers["x-did-nonce"]}x`)),
      "invalid_signature",
    );
  });

  Deno.test(`the signed request "${vector.name}" is refused after a change of any header`, async () => {
    for (const [name, value] of Object.entries(vector.headers)) {
      for (const neighbour of neighbours(value)) {
        await assertAnyRefusal(withHeader(vector, name, neighbour), `${name}: ${neighbour}`);
      }
    }
  });
}

for (const vector of vectors.tokens) {
  Deno.test(`the ${vector.name} token is accepted as its DID`, async () => {
    assert.deepEqual(await authenticate(bearer(vector.token)), {
      did: vector.did,
      replay: null,
      tokenIssuedAt: new Date(vector.iat * 1000),
    });
  });

  Deno.test(`the ${vector.name} token is refused after a change of any claim or parameter`, async () => {
    const [header, claims, signature] = vector.token.split(".") as [string, string, string];
    const rewritten = [
      ...rewrites(header).map((part) => `${part}.${claims}.${signature}`),
      ...rewrites(claims).map((part) => `${header}.${part}.${signature}`),
    ];
    for (const token of rewritten) await assertAnyRefusal(bearer(token), token);
  });

  Deno.test(`the ${vector.name} token is refused after a change of any character`, async () => {
    for (const token of neighbours(vector.token)) await assertAnyRefusal(bearer(token), token);
  });
}

/** Each member changed in value, removed, and one added. */
function rewrites(part: string): string[] {
  const object = JSON.parse(new TextDecoder().decode(base64urlnopad.decode(part)));
  const changed = Object.entries(object).flatMap(([name, value]) => [
    { ...object, [name]: typeof value === "number" ? value + 1 : `${value}x` },
    { ...object, [name]: undefined },
  ]);
  return [...changed, { ...object, extra: 1 }]
    .map((rewrite) => base64urlnopad.encode(utf8(JSON.stringify(rewrite))));
}

const resolve = createDidResolver({
  didWebHosts: [],
  now: () => 0,
  fetch: () => Promise.reject(new Error("no request was expected")),
});

for (const vector of vectors.published) {
  Deno.test(`the published vector "${vector.source}" verifies as published`, async () => {
    const methods = (async () => await resolve(parseDid(vector.did))())();
    if (!vector.valid) return void await assertRefused(methods, "invalid_did");
    const signature = vector.signature_hex !== undefined
      ? hex.decode(vector.signature_hex)
      : base64urlnopad.decode(vector.signature_base64url!);
    const message = vector.message_hex !== undefined
      ? concat(hex.decode(vector.message_hex))
      : utf8(vector.message!);
    const [method] = await methods;
    assert.equal(await method!.key.verify(concat(signature), message), true);
    for (let bit = 0; bit < signature.length * 8; bit++) {
      assert.equal(await method!.key.verify(flipped(signature, bit), message), false);
    }
  });
}

function flipped(bytes: Uint8Array, bit: number): Bytes {
  const copy = concat(bytes);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

for (const vector of vectors.did_keys) {
  Deno.test(`${vector.did.slice(0, 20)}… is the key that did-method-key publishes`, async () => {
    const bytes = base58.decode(vector.did.slice("did:key:z".length));
    assert.equal(hex.encode(bytes.slice(2)), vector.public_key_hex);
    const [method] = await resolve(parseDid(vector.did))();
    assert.equal(method!.id, `${vector.did}#${vector.did.slice("did:key:".length)}`);
  });
}
