import { base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  messageOf,
  newSigner,
  NOW,
  partsOf,
  requestOf,
  requestWith,
  signatureText,
  signedRequest,
  signedToken,
  SIGNER_KINDS,
} from "../testing/signers.ts";
import { concat } from "../bytes/encodings.ts";

const authenticate = authenticatorWith();
const signer = await newSigner("did:key Ed25519");

for (const kind of SIGNER_KINDS) {
  Deno.test(`${kind}: a signed request is accepted again from the cache of keys`, async () => {
    const someone = await newSigner(kind);
    for (const nonce of ["1", "2"]) {
      const identity = await authenticate(await signedRequest(someone, { nonce }));
      assert.equal(identity.did, someone.did);
    }
  });
}

Deno.test("a request is signed whatever other headers it has, before those of the signature or after", async () => {
  const request = await signedRequest(signer, {}, { accept: "*/*", "x-title": "t", zz: "z" });
  assert.equal((await authenticate(request)).did, signer.did);
});

// Requests of the Fetch standard keep the case of this one method.
Deno.test("the method is signed in upper case, as it may not be sent", async () => {
  const request = await signedRequest(signer, { method: "PATCH" });
  assert.equal((await authenticate({ ...request, method: "patch" })).did, signer.did);
});

Deno.test("timestamps are accepted from 300 s ago to 60 s ahead, in seconds and milliseconds", async () => {
  for (const seconds of [-300, 0, 60]) {
    for (const timestamp of [`${NOW + seconds}`, `${NOW + seconds}000`]) {
      const identity = await authenticate(await signedRequest(signer, { timestamp }));
      assert.ok(identity.replay!.expiresAt.getTime() >= (NOW + seconds + 300) * 1000);
    }
  }
  for (const timestamp of [NOW - 301, NOW + 61, NOW * 1000 - 300_001, NOW * 1000 + 60_001]) {
    const refusal = await assertRefused(
      authenticate(await signedRequest(signer, { timestamp: String(timestamp) })),
      "expired_timestamp",
      /30[01] s old; at most 300 s|61 s ahead; at most 60 s/,
    );
    assert.deepEqual(refusal.details, { server_time: NOW });
  }
});

Deno.test("the replay key outlives the timestamp by a minute, because two clocks are in play", async () => {
  for (const timestamp of [`${NOW - 100}`, `${NOW - 100}000`]) {
    const { replay } = await authenticate(await signedRequest(signer, { timestamp }));
    assert.equal(replay?.expiresAt.getTime(), (NOW - 100 + 300 + 60) * 1000);
  }
});

Deno.test("a method in lower case is verified as the one in upper case", async () => {
  const request = await signedRequest(signer, { method: "PATCH" });
  assert.equal((await authenticate({ ...request, method: "patch" })).did, signer.did);
});

Deno.test("the same message has one replay key whatever the signature, another nonce another", async () => {
  const [first, second, other] = await Promise.all(
    ["a", "a", "b"].map(async (nonce) => authenticate(await signedRequest(signer, { nonce }))),
  );
  assert.match(first!.replay!.hash, /^[0-9a-f]{64}$/);
  assert.equal(first!.replay!.hash, second!.replay!.hash);
  assert.notEqual(first!.replay!.hash, other!.replay!.hash);
});

Deno.test("malformed timestamps, nonces and signatures are bad requests", async () => {
  const valid = await signedRequest(signer);
  const signature = valid.headers.get("x-did-signature")!;
  const stray = signature.slice(0, -1) + (signature.endsWith("A") ? "B" : "x");
  const bad: [string, string][] = [
    ...[
      "",
      "1",
      "179537040",
      "17953704000",
      "179537040a",
      "-179537040",
      "1795370400.0",
      "0x6b037f20",
    ]
      .map((value): [string, string] => ["x-did-timestamp", value]),
    ...["n".repeat(65), "a b", "a+b", "a,b", "a.b", "é"]
      .map((value): [string, string] => ["x-did-nonce", value]),
    ...["", "abc", `${signature}=`, `${signature}==`, signature.slice(1), `${signature}A`, stray]
      .map((value): [string, string] => ["x-did-signature", value]),
    ...[
      "0x",
      `0x${"0".repeat(126)}`,
      `0x${"0".repeat(129)}`,
      `0x${"0".repeat(132)}`,
      "0".repeat(128),
    ]
      .map((value): [string, string] => ["x-did-signature", value]),
    ["x-did-signature", `0X${"0".repeat(128)}`],
    ["x-did-signature", `0x${"g".repeat(128)}`],
  ];
  for (const [name, value] of bad) {
    const headers = new Headers(valid.headers);
    headers.set(name, value);
    await assertRefused(authenticate({ ...valid, headers }), "invalid_request", new RegExp(name));
  }
});

Deno.test("a header that is sent twice is a bad request", async () => {
  const valid = await signedRequest(signer);
  for (const [name, value] of valid.headers) {
    const headers = new Headers(valid.headers);
    headers.append(name, value);
    await assertRefused(authenticate({ ...valid, headers }), "invalid_request");
  }
});

Deno.test("64-byte signatures may be hex of any case, accounts' must be hex", async () => {
  const parts = partsOf(signer);
  const signature = hex.encode(await signer.sign(await messageOf(parts)));
  await authenticate(requestOf(parts, `0x${signature}`));
  await authenticate(requestOf(parts, `0x${signature.toUpperCase()}`));

  const account = await newSigner("did:pkh");
  const accountParts = partsOf(account);
  const accountSignature = await account.sign(await messageOf(accountParts));
  await authenticate(requestOf(accountParts, signatureText(accountSignature)));
  for (
    const text of [
      base64urlnopad.encode(accountSignature),
      signatureText(concat(accountSignature.slice(0, 64))),
      `0x${hex.encode(accountSignature.slice(0, 64))}`,
    ]
  ) {
    await assertRefused(authenticate(requestOf(accountParts, text)), "invalid_request");
  }
  await assertRefused(authenticate(requestOf(parts, `0x${signature}1b`)), "invalid_request");
});

Deno.test("each header of the carrier is required, the nonce excepted", async () => {
  const valid = await signedRequest(signer, { nonce: "" });
  for (const name of ["x-did", "x-did-timestamp", "x-did-signature"]) {
    const headers = new Headers(valid.headers);
    headers.delete(name);
    await assertRefused(authenticate({ ...valid, headers }), "missing_credentials", RegExp(name));
  }
  const headers = new Headers(valid.headers);
  headers.delete("x-did-nonce");
  assert.equal((await authenticate({ ...valid, headers })).did, signer.did);
});

Deno.test("did:pkh addresses of any case are one account, and are signed as they were sent", async () => {
  const account = await newSigner("did:pkh");
  const did = account.did.replace(/0x.*/, (address) => `0x${address.slice(2).toUpperCase()}`);
  const identity = await authenticate(await signedRequest(account, { did }));
  assert.equal(identity.did, account.did);
  const request = await signedRequest(account, { did });
  request.headers.set("x-did", account.did);
  await assertRefused(authenticate(request), "invalid_signature");
});

Deno.test("a refused signature comes with the message that it had to cover", async () => {
  const { method, pathAndQuery, headers, body } = await signedRequest(signer, { path: "/a" });
  const refusal = await assertRefused(
    authenticate({ method, pathAndQuery: "/b", headers, body }),
    "invalid_signature",
  );
  const expected = new TextDecoder().decode(await messageOf(partsOf(signer, { path: "/b" })));
  assert.deepEqual(refusal.details, { signed_message: expected });
  assert.ok(pathAndQuery === "/a" && expected.includes(AUDIENCE));
  assert.ok(!JSON.stringify(refusal.details).includes(headers.get("x-did-signature")!));
});

Deno.test("another's signature, and none at all, are refused alike for a known and a new DID", async () => {
  const stranger = await newSigner("did:key Ed25519");
  await authenticate(await signedRequest(signer));
  for (const did of [signer.did, (await newSigner("did:key Ed25519")).did]) {
    const request = await signedRequest(stranger, { did });
    const refusal = await assertRefused(authenticate(request), "invalid_signature");
    assert.equal(
      refusal.message,
      "x-did-signature is not this DID's signature of signed_message; its second line, the " +
        `audience, is ${AUDIENCE}, whatever URL the gateway is called at`,
    );
  }
});

Deno.test("any x-did header makes a request a signed one, so that no token can stand in", async () => {
  const authorization = `Bearer ${await signedToken(signer)}`;
  assert.equal((await authenticate(requestWith({ authorization }))).did, signer.did);
  for (const name of ["x-did", "x-did-nonce", "x-did-timestamp", "x-did-signature", "x-did-foo"]) {
    const request = requestWith({ authorization, [name]: name === "x-did" ? signer.did : "1" });
    await assertRefused(authenticate(request), "missing_credentials");
  }
});

Deno.test("a Bearer beside a signature is ignored unless it is another DID's token", async () => {
  const other = await newSigner("did:key P-256");
  const supabaseJwt = await signedToken(signer, { iss: "supabase", role: "anon" });
  for (
    const authorization of [
      `Bearer ${supabaseJwt}`,
      "Bearer sb_publishable_abc",
      "Bearer a.b.c",
      "Basic abc",
      `Bearer ${await signedToken(signer)}`,
      `bearer ${await signedToken(signer, { exp: 1 })}`,
    ]
  ) {
    const request = await signedRequest(signer, {}, { authorization });
    assert.equal((await authenticate(request)).did, signer.did, authorization);
  }
  for (const token of [await signedToken(other), await signedToken(signer, { iss: other.did })]) {
    const request = await signedRequest(signer, {}, { authorization: `Bearer ${token}` });
    await assertRefused(authenticate(request), "invalid_token", /x-did/);
  }
});

Deno.test("a Bearer whose iss is the same account in another case does not contradict", async () => {
  const account = await newSigner("did:pkh");
  const iss = account.did.replace(/0x.*/, (address) => `0x${address.slice(2).toUpperCase()}`);
  const authorization = `Bearer ${await signedToken(account, { iss })}`;
  const identity = await authenticate(await signedRequest(account, {}, { authorization }));
  assert.equal(identity.did, account.did);
});

Deno.test("an unknown x-did header beside a signature changes nothing", async () => {
  const request = await signedRequest(signer, {}, { "x-did-foo": "bar" });
  assert.equal((await authenticate(request)).did, signer.did);
});

Deno.test("requests without credentials are refused as such", async () => {
  const without = [{}, { apikey: "sb_publishable_abc" }, { authorization: "Basic abc" }];
  for (const headers of without) {
    await assertRefused(authenticate(requestWith(headers)), "missing_credentials");
  }
});
