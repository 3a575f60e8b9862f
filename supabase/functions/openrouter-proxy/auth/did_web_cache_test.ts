import assert from "node:assert/strict";
import { createDidWebResolver } from "./did_web.ts";
import {
  assertRefused,
  bearer,
  newSigner,
  NOW,
  signedRequest,
  signedToken,
  type Signer,
} from "../testing/signers.ts";
import { as, DID, documentOf, gatewayFor, keySigner, siteOf } from "../testing/did_web_sites.ts";

const OUTAGES: [what: string, answer: () => unknown][] = [
  ["a connection that fails", () => new Error("connection refused")],
  ["a body that breaks off", () => new Response(brokenOff())],
  ...[408, 425, 429, 500, 502, 503, 504, 599].map((status): [string, () => unknown] => [
    `status ${status}`,
    () => new Response("{}", { status }),
  ]),
];

function brokenOff(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
}

for (const [what, answer] of OUTAGES) {
  Deno.test(`${what} is an outage, which is forgotten after 5 s`, async () => {
    let now = NOW * 1000;
    let healthy = false;
    const site = siteOf(() => healthy ? documentOf(DID, keySigner) : answer());
    const gateway = gatewayFor(site, () => now);
    const call = async () => await gateway(await signedRequest(as(DID)));
    const refusal = await assertRefused(call(), "did_unavailable", /DID document/);
    assert.equal(refusal.status, 503);
    assert.equal(refusal.headers["retry-after"], "5");
    healthy = true;
    now += 4_999;
    await assertRefused(call(), "did_unavailable");
    now += 1;
    assert.equal((await call()).did, DID);
    assert.equal(site.requests.length, 2);
  });
}

Deno.test("an outage is the answer to a token, too", async () => {
  const gateway = gatewayFor(siteOf(() => new Response(null, { status: 503 })));
  const token = await signedToken(as(DID));
  await assertRefused(gateway(bearer(token)), "did_unavailable", /503/);
});

Deno.test("a document is fetched once in 5 minutes", async () => {
  let now = NOW * 1000;
  const site = siteOf(() => documentOf(DID, keySigner));
  const gateway = gatewayFor(site, () => now);
  const call = async () =>
    await gateway(await signedRequest(as(DID), { timestamp: String(Math.floor(now / 1000)) }));
  await call();
  now += 5 * 60_000 - 1;
  await call();
  assert.equal(site.requests.length, 1);
  now += 1;
  await call();
  assert.equal(site.requests.length, 2);
});

Deno.test("when the clock is set back a document is fetched again, and believed for no longer", async () => {
  let now = NOW * 1000;
  const site = siteOf(() => documentOf(DID, keySigner));
  const gateway = gatewayFor(site, () => now);
  const call = async () =>
    await gateway(await signedRequest(as(DID), { timestamp: String(now / 1000) }));
  await call();
  now -= 3_600_000;
  await call();
  assert.equal(site.requests.length, 2);
});

Deno.test("a document is fetched once for all that ask while it is on its way", async () => {
  const site = siteOf(() => documentOf(DID, keySigner));
  const resolve = createDidWebResolver({
    didWebHosts: ["example.com"],
    fetch: site.fetch,
    now: () => NOW * 1000,
  });
  const answers = await Promise.all([1, 2, 3].map(() => resolve(DID, "example.com")()));
  assert.deepEqual(answers.map((methods) => methods.length), [1, 1, 1]);
  assert.equal(site.requests.length, 1);
});

Deno.test("a key that left the document is refused once the cache has expired", async () => {
  let now = NOW * 1000;
  const next = await newSigner("did:key Ed25519");
  let current = keySigner;
  const gateway = gatewayFor(siteOf(() => documentOf(DID, current)), () => now);
  const call = async (signer: Signer) =>
    await gateway(await signedRequest(as(DID, signer), { timestamp: String(now / 1000) }));
  await call(keySigner);
  current = next;
  now += 5 * 60_000;
  await assertRefused(call(keySigner), "invalid_signature");
  assert.equal((await call(next)).did, DID);
});

for (const name of ["revoked", "expires"]) {
  Deno.test(`a key whose ${name} comes while its document is kept does not count from then on`, async () => {
    let now = NOW * 1000;
    const next = await newSigner("did:key P-256");
    const { authentication: [ending, lasting] } = documentOf(DID, keySigner, next);
    const instant = new Date((NOW + 60) * 1000).toISOString();
    const keys: unknown[] = [{ ...ending, [name]: instant }, lasting];
    const site = siteOf(() => ({ id: DID, authentication: keys }));
    const gateway = gatewayFor(site, () => now);
    const call = async (signer: Signer) =>
      await gateway(await signedRequest(as(DID, signer), { timestamp: String(now) }));
    await call(keySigner);
    now += 59_999;
    await call(keySigner);
    assert.equal(site.requests.length, 1);
    now += 1;
    await assertRefused(call(keySigner), "invalid_signature");
    await assertRefused(gateway(bearer(await signedToken(as(DID)))), "invalid_token");
    await call(next);
    assert.equal(site.requests.length, 1);
  });
}

Deno.test("a document whose last key ends while it is kept is of no use from then on", async () => {
  let now = NOW * 1000;
  const [key] = documentOf(DID, keySigner).authentication;
  const expires = new Date((NOW + 60) * 1000).toISOString();
  const site = siteOf(() => ({ id: DID, authentication: [{ ...key, expires }] }));
  const gateway = gatewayFor(site, () => now);
  const call = async () => await gateway(await signedRequest(as(DID), { timestamp: String(now) }));
  await call();
  now += 60_000;
  await assertRefused(call(), "invalid_did", /no key that is in force/);
  assert.equal(site.requests.length, 1);
});

Deno.test("a refusal is remembered for 30 s, and made-up DIDs do not push out those in use", async () => {
  let now = NOW * 1000;
  let healthy = false;
  const site = siteOf((url) =>
    healthy && url.includes("well-known")
      ? documentOf(DID, keySigner)
      : new Response(null, { status: 404 })
  );
  const gateway = gatewayFor(site, () => now);
  const call = async (did = DID) =>
    await gateway(await signedRequest(as(did), { timestamp: String(now) }));
  await assertRefused(call(), "invalid_did");
  healthy = true;
  now += 29_999;
  await assertRefused(call(), "invalid_did");
  assert.equal(site.requests.length, 1);
  now += 1;
  assert.equal((await call()).did, DID);

  const before = site.requests.length;
  for (let i = 0; i < 1000; i++) await assertRefused(call(`${DID}:made-up-${i}`), "invalid_did");
  assert.equal((await call()).did, DID);
  assert.equal(site.requests.length, before + 1000);
});

/** A web whose answers wait until they are let go, all with a good document. */
function slowSite() {
  const waiting: (() => void)[] = [];
  const requests: string[] = [];
  const fetchSlowly: typeof fetch = (input) => {
    const url = new URL(String(input));
    requests.push(url.href);
    const path = url.pathname.replace("/did.json", "").replaceAll("/", ":");
    const did = `did:web:${url.host}${path === ":.well-known" ? "" : path}`;
    return new Promise((resolve) =>
      waiting.push(() => resolve(Response.json(documentOf(did, keySigner))))
    );
  };
  return {
    requests,
    fetch: fetchSlowly,
    letGo: () => waiting.splice(0).forEach((answer) => answer()),
  };
}

Deno.test("two documents of one host and eight of all are under way at once, and no more", async () => {
  const hosts = ["a", "b", "c", "d", "e"].map((name) => `${name}.example`);
  const site = slowSite();
  const resolve = createDidWebResolver({
    didWebHosts: hosts,
    fetch: site.fetch,
    now: () => NOW * 1000,
  });
  const ask = (id: string) => resolve(`did:web:${id}`, id)();
  const refused = async (id: string) => {
    const refusal = await assertRefused(ask(id), "did_unavailable", /too many/);
    assert.equal(refusal.headers["retry-after"], "1");
  };

  const first = [ask("a.example"), ask("a.example:x")];
  await refused("a.example:y");
  const again = [ask("a.example"), ask("a.example:x")];
  assert.equal(site.requests.length, 2, "those who ask for the same document share it");
  const others = hosts.slice(1, 4).flatMap((host) => [ask(host), ask(`${host}:x`)]);
  await refused("e.example");
  assert.equal(site.requests.length, 8);

  site.letGo();
  await Promise.all([...first, ...again, ...others]);
  // A refusal for want of room is not remembered, and room comes back.
  const last = [ask("a.example:y"), ask("e.example")];
  site.letGo();
  await Promise.all(last);
  assert.equal(site.requests.length, 10);
});

Deno.test("made-up DIDs do not keep the document of one that had one before from being fetched again", async () => {
  let now = NOW * 1000;
  const site = slowSite();
  const resolve = createDidWebResolver({
    didWebHosts: ["a.example"],
    fetch: site.fetch,
    now: () => now,
  });
  const ask = (id: string) => resolve(`did:web:${id}`, id)();
  const first = ask("a.example:known");
  site.letGo();
  await first;
  now += 5 * 60_000;
  const madeUp = ["a.example:x", "a.example:y"].map(ask);
  await assertRefused(ask("a.example:z"), "did_unavailable", /too many/);
  const again = ask("a.example:known");
  assert.equal(site.requests.length, 4);
  site.letGo();
  await Promise.all([...madeUp, again]);
});

Deno.test("room comes back after failures", async () => {
  const site = siteOf((url) =>
    url.includes("gone") ? new Response(null, { status: 404 }) : new Error()
  );
  const resolve = createDidWebResolver({
    didWebHosts: ["example.com"],
    fetch: site.fetch,
    now: () => NOW * 1000,
  });
  for (let i = 0; i < 10; i++) {
    const [gone, broken] = [`example.com:gone-${i}`, `example.com:broken-${i}`];
    await assertRefused(resolve(`did:web:${gone}`, gone)(), "invalid_did");
    await assertRefused(resolve(`did:web:${broken}`, broken)(), "did_unavailable", /reached/);
  }
});
