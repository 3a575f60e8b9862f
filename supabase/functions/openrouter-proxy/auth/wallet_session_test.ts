import { base64urlnopad, hex } from "@scure/base";
import assert from "node:assert/strict";
import { type Bytes, concat, utf8 } from "../bytes/encodings.ts";
import {
  assertRefused,
  AUDIENCE,
  authenticatorWith,
  bearer,
  newSigner,
  NOW,
  signedRequest,
} from "../testing/signers.ts";
import {
  checksumAddress,
  instant,
  sessionFields,
  sessionOf,
  type SiweFields,
  siweMessage,
  walletSession,
} from "../testing/wallet_sessions.ts";
import { createDidResolver, parseDid } from "./did.ts";
import vectors from "./testdata/siwe.json" with { type: "json" };

const authenticate = authenticatorWith();
const account = await newSigner("did:pkh");
const DAY = 86_400;

for (const { name, did, token } of vectors.tokens) {
  Deno.test(`a session made with ${name} is accepted for its day`, async () => {
    const at = (seconds: number) => authenticatorWith({ now: () => seconds * 1000 });
    for (const seconds of [NOW - 60, NOW, NOW + DAY, NOW + DAY + 59.999]) {
      assert.deepEqual(await at(seconds)(bearer(token)), {
        did,
        replay: null,
        tokenIssuedAt: new Date(NOW * 1000),
      });
    }
    await assertRefused(at(NOW - 60.001)(bearer(token)), "invalid_token", /in the future/);
    const late = await assertRefused(at(NOW + DAY + 60)(bearer(token)), "expired_token");
    assert.match(late.message, /^the token has expired at 2026-11-23T18:00:00\.000Z, 60 s ago/);
    assert.deepEqual(late.details, { server_time: NOW + DAY + 60 });
  });
}

const [origin, scheme, domain] = [new URL(AUDIENCE).origin, "https", "gateway.example"];

for (
  const [what, changes] of [
    ["its scheme in front of the domain", { scheme }],
    ["a statement", { statement: "Let this app call models: today." }],
    ["an empty statement", { statement: "" }],
    ["the audience for its one resource", { resources: [AUDIENCE] }],
    ["no resource in its list", { resources: [] }],
    ["a request id", { requestId: "a%20b" }],
    ["a Not Before that has come", { notBefore: instant(NOW + 60) }],
    ["instants of another zone", {
      issuedAt: "2026-11-22T23:30:00+05:30",
      expirationTime: "2026-11-22T12:00:00.5-07:00",
    }],
    ["a long chain id", { chainId: "1" + "0".repeat(31) }],
  ] as [string, SiweFields][]
) {
  Deno.test(`a session with ${what} is accepted`, async () => {
    const { did } = await authenticate(bearer(await walletSession(account, changes)));
    const chainId = changes.chainId ?? 1;
    assert.equal(did, account.did.replace(":1:", `:${chainId}:`));
  });
}

const lowerCase = account.did.split(":").at(-1)!;
for (
  const [what, changes, message] of [
    ["another domain", { domain: "evil.example" }, /domain must be gateway\.example; it is evil/],
    ["a domain with a port", { domain: `${domain}:443` }, /domain/],
    ["a domain with a user", { domain: `user@${domain}` }, /domain/],
    ["a domain in capitals", { domain: "GATEWAY.example" }, /domain/],
    ["another scheme", { scheme: "http" }, /scheme must be https/],
    ["the origin for its URI", { uri: origin }, /URI must be exactly https.*; it is https/],
    ["a URI with a slash at its end", { uri: `${AUDIENCE}/` }, /URI/],
    ["a URI below the audience", { uri: `${AUDIENCE}/api/v1` }, /URI/],
    ["another resource", { resources: ["https://a.example"] }, /Resources/],
    ["another resource besides", { resources: [AUDIENCE, `${AUDIENCE}/`] }, /Resources/],
    ["an address in lower case", { address: lowerCase }, /EIP-55/],
    ["an address in upper case", { address: `0x${lowerCase.slice(2).toUpperCase()}` }, /EIP-55/],
    ["version 2", { version: "2" }, /EIP-4361/],
    ["no version", { version: undefined }, /EIP-4361/],
    ["no URI", { uri: undefined }, /EIP-4361/],
    ["no chain id", { chainId: undefined }, /EIP-4361/],
    ["a hexadecimal chain id", { chainId: "0x1" }, /EIP-4361/],
    ["a negative chain id", { chainId: -1 }, /EIP-4361/],
    ["no nonce", { nonce: undefined }, /EIP-4361/],
    ["a nonce of 7 characters", { nonce: "1234567" }, /EIP-4361/],
    ["a nonce with a dash", { nonce: "1234-5678" }, /EIP-4361/],
    ["a statement of two lines", { statement: "a\nb" }, /EIP-4361/],
    ["a statement beyond ASCII", { statement: "für heute" }, /EIP-4361/],
    ["no Issued At", { issuedAt: undefined }, /EIP-4361/],
    ["no Expiration Time", { expirationTime: undefined }, /needs .*Expiration Time/],
    ["an Issued At of no calendar", { issuedAt: "2026-11-31T18:00:00Z" }, /RFC 3339/],
    ["an Issued At in seconds", { issuedAt: String(NOW) }, /RFC 3339/],
    ["an Expiration Time without a zone", { expirationTime: "2026-11-22T20:00:00" }, /RFC 3339/],
    ["a Not Before of no calendar", { notBefore: "2026-02-30T00:00:00Z" }, /Not Before/],
    ["a Not Before to come", { notBefore: instant(NOW + 61) }, /Not Before is in the future/],
    ["an Issued At to come", { issuedAt: instant(NOW + 61) }, /Issued At is in the future/],
    ["a life of over a day", { expirationTime: instant(NOW + DAY + 1) }, /at most 86400 s/],
    ["no life", { expirationTime: instant(NOW) }, /Expiration Time must be after Issued At/],
    ["an end before its beginning", { expirationTime: instant(NOW - 1) }, /must be after/],
  ] as [string, SiweFields, RegExp][]
) {
  Deno.test(`a session with ${what} is refused`, async () => {
    const token = await walletSession(account, changes);
    const refusal = await assertRefused(authenticate(bearer(token)), "invalid_token", message);
    assert.deepEqual(refusal.details, { server_time: NOW });
  });
}

for (const chainId of ["0", "01", "00", "1" + "0".repeat(32)]) {
  Deno.test(`a session with the chain id ${chainId} is of no DID`, async () => {
    const token = await walletSession(account, { chainId });
    await assertRefused(authenticate(bearer(token)), "invalid_did");
  });
}

Deno.test("a session lives at most as long as the gateway allows", async () => {
  const shorter = authenticatorWith({ maxWalletSessionSeconds: 600 });
  const lasting = (seconds: number) =>
    walletSession(account, { expirationTime: instant(NOW + seconds) });
  await shorter(bearer(await lasting(600)));
  await assertRefused(shorter(bearer(await lasting(601))), "invalid_token", /at most 600 s/);
});

Deno.test("the audience's port is the domain's", async () => {
  const audience = "http://127.0.0.1:54321/functions/v1/openrouter-proxy";
  const local = authenticatorWith({ audience });
  const at = (domain: string, scheme?: string) =>
    walletSession(account, { uri: audience, domain, scheme });
  await local(bearer(await at("127.0.0.1:54321")));
  await local(bearer(await at("127.0.0.1:54321", "http")));
  for (const domain of ["127.0.0.1", "127.0.0.1:54322", "localhost:54321"]) {
    await assertRefused(local(bearer(await at(domain))), "invalid_token", /domain/);
  }
});

Deno.test("an audience that is no URL has no sessions", async () => {
  const urn = authenticatorWith({ audience: "urn:gateway" });
  const token = await walletSession(account, { uri: "urn:gateway" });
  await assertRefused(urn(bearer(token)), "invalid_token", /domain/);
});

Deno.test("another account's signature, and one of another message, are refused", async () => {
  const other = await newSigner("did:pkh");
  const message = siweMessage(sessionFields(account));
  for (
    const signature of [
      await other.sign(utf8(message)),
      await account.sign(utf8(`${message} `)),
      await account.sign(utf8(message.replace("n0nce001", "n0nce002"))),
    ]
  ) {
    await assertRefused(
      authenticate(bearer(sessionOf(message, signature))),
      "invalid_token",
      /not that of its address by personal_sign.*Smart accounts/,
    );
  }
});

Deno.test("a session whose signature is in hex, as wallets give it, is told so", async () => {
  const message = siweMessage(sessionFields(account));
  const signature = hex.encode(await account.sign(utf8(message)));
  const texts = [`0x${signature}`, `0x${signature.toUpperCase()}`];
  const encoded = [...texts, signature].map((text) => base64urlnopad.encode(utf8(text)));
  for (const text of [...texts, ...encoded]) {
    await assertRefused(
      authenticate(bearer(`siwe.${base64urlnopad.encode(utf8(message))}.${text}`)),
      "invalid_token",
      /signature is in hex: write its 65 bytes in base64url/,
    );
  }
});

Deno.test("smart accounts' signatures are told that they are not supported", async () => {
  const message = siweMessage(sessionFields(account));
  const signature = await account.sign(utf8(message));
  for (
    const smart of [
      new Uint8Array(),
      signature.slice(0, 64),
      concat(signature, signature),
      concat(signature, hex.decode("6492".repeat(16))),
    ]
  ) {
    await assertRefused(
      authenticate(bearer(sessionOf(message, smart))),
      "invalid_token",
      /Smart accounts \(ERC-1271, ERC-6492\) are not supported: sign with an account/,
    );
  }
});

Deno.test("what is not three parts in base64url is no session", async () => {
  const token = await walletSession(account);
  const [, message, signature] = token.split(".") as [string, string, string];
  const text = siweMessage(sessionFields(account));
  const withMark = utf8(`\uFEFF${text}`);
  const notUtf8 = concat(utf8(text), [0xff]);
  for (
    const bad of [
      "siwe.",
      "siwe..",
      `siwe.${message}`,
      `siwe.${message}.`,
      `siwe.${message}=.${signature}`,
      `siwe.${message}.${signature}=`,
      `siwe.${message}.${signature}.`,
      `siwe.${message}.${signature}.${signature}`,
      `siwe.${message}.0x${hex.encode(base64urlnopad.decode(signature))}`,
      `siwe.${base64urlnopad.encode(utf8(text.replaceAll("\n", "\r\n")))}.${signature}`,
      `siwe.${base64urlnopad.encode(withMark)}.${
        base64urlnopad.encode(await account.sign(withMark))
      }`,
      `siwe.${base64urlnopad.encode(notUtf8)}.${
        base64urlnopad.encode(await account.sign(notUtf8))
      }`,
    ]
  ) await assertRefused(authenticate(bearer(bad)), "invalid_token");
  for (const bad of [`SIWE.${message}.${signature}`, `siwe${message}.${signature}`]) {
    await assertRefused(authenticate(bearer(bad)), "invalid_token", /no DID token/);
  }
});

Deno.test("a session has at most 4096 characters", async () => {
  const overhead = siweMessage(sessionFields(account, { statement: "" })).length;
  const ofMessage = (bytes: number) =>
    walletSession(account, { statement: "x".repeat(bytes - overhead) });
  const fitting = await ofMessage(3002);
  assert.equal(fitting.length, 4096);
  await authenticate(bearer(fitting));
  await assertRefused(authenticate(bearer(await ofMessage(3003))), "invalid_token", /4096/);
});

Deno.test("a session's message is no signed request, and the other way round", async () => {
  const session = siweMessage(sessionFields(account));
  const request = await signedRequest(account);
  request.headers.set("x-did-signature", `0x${hex.encode(await account.sign(utf8(session)))}`);
  await assertRefused(authenticate(request), "invalid_signature");
});

/** The malformed one of those published has half a byte at its end, which no token can hold. */
function signatureBytes(text: string): Bytes {
  return concat(hex.decode(text.slice(2, 2 + 130)));
}

for (const [name, { signature, ...fields }] of Object.entries(vectors.signatures)) {
  Deno.test(`the published signature "${name}" is its account's`, async () => {
    // Their domains and times are none of a gateway's; only what a session adds is refused.
    const token = sessionOf(siweMessage(fields), signatureBytes(signature));
    const lives = "expirationTime" in fields && fields.expirationTime > fields.issuedAt;
    const published = authenticatorWith({
      audience: fields.uri,
      maxWalletSessionSeconds: 100 * 365 * DAY,
      now: () => Date.parse(fields.issuedAt),
    });
    if (lives) {
      const { did } = await published(bearer(token));
      assert.equal(did, `did:pkh:eip155:1:${fields.address.toLowerCase()}`);
      return;
    }
    await assertRefused(published(bearer(token)), "invalid_token");
    const resolve = createDidResolver({ didWebHosts: [], now: () => 0, fetch });
    const [method] = await resolve(parseDid(`did:pkh:eip155:1:${fields.address}`))();
    const message = utf8(siweMessage(fields));
    assert.equal(
      await method!.key.verify(signatureBytes(signature), message),
      true,
    );
  });
}

for (const [name, { signature, ...fields }] of Object.entries(vectors.refused)) {
  Deno.test(`the published session "${name}" is refused`, async () => {
    const token = sessionOf(siweMessage(fields), signatureBytes(signature));
    const published = authenticatorWith({
      audience: name === "domain binding" ? "https://example.com" : fields.uri,
      maxWalletSessionSeconds: 200 * 365 * DAY,
      now: () => Date.parse(name === "custom time" ? "2200-01-05T00:00:00Z" : fields.issuedAt),
    });
    const type = name === "custom time" ? "expired_token" : "invalid_token";
    const { message } = await assertRefused(published(bearer(token)), type);
    const reasons: Record<string, RegExp> = {
      "domain binding": /domain/,
      "malformed signature": /personal_sign/,
      "wrong signature": /personal_sign/,
    };
    assert.match(message, reasons[name] ?? /expired|Expiration Time/);
  });
}

const { base, changes } = vectors.objects;
for (const [name, change] of Object.entries(changes)) {
  Deno.test(`the published object "${name}" is no session`, async () => {
    // The base itself, of an account whose key is here, is one: the change is what is refused.
    const message = (fields: Record<string, unknown>) => {
      const given = Object.entries(fields).filter(([, value]) => value !== null);
      return siweMessage({
        ...Object.fromEntries(given) as SiweFields,
        address: fields.address === base.address
          ? checksumAddress(account.did.split(":").at(-1)!)
          : fields.address as string ?? "",
      });
    };
    const published = authenticatorWith({
      audience: base.uri,
      maxWalletSessionSeconds: 366 * DAY,
      now: () => Date.parse(base.issuedAt),
    });
    const session = async (fields: Record<string, unknown>) =>
      bearer(sessionOf(message(fields), await account.sign(utf8(message(fields)))));
    assert.equal((await published(await session(base))).did, account.did);
    await assertRefused(published(await session({ ...base, ...change })), "invalid_token");
  });
}
