import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createIdentity, createWalletSession, identityOf } from "./llm_gateway.ts";
import { checksummedAddress } from "./secp256k1.ts";
import type { Identity } from "./identity.ts";
import { readPrivateKey } from "../identity/private_key.ts";

/** web3.js's documentation. */
const KEY = readPrivateKey(
  "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
  "secp256k1",
);
const DID = "did:pkh:eip155:1:0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
const audience = "https://gateway.example:8443/functions/v1/openrouter-proxy";

Deno.test("createWalletSession signs EIP-4361's message once, and is made of it and the signature", async () => {
  const shown: string[] = [];
  const account = await identityOf({ did: DID, privateKeyJwk: KEY });
  const wallet: Identity = {
    ...account,
    sign: (message) => {
      shown.push(new TextDecoder().decode(message));
      return account.sign(message);
    },
  };
  const token = await createWalletSession(wallet, {
    audience,
    issuedAt: 1795370400,
    ttlSeconds: 3600,
    nonce: "abcd1234",
    statement: "Hello.",
  });
  const text = [
    "gateway.example:8443 wants you to sign in with your Ethereum account:",
    "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
    "",
    "Hello.",
    "",
    "URI: https://gateway.example:8443/functions/v1/openrouter-proxy",
    "Version: 1",
    "Chain ID: 1",
    "Nonce: abcd1234",
    "Issued At: 2026-11-22T18:00:00.000Z",
    "Expiration Time: 2026-11-22T19:00:00.000Z",
  ].join("\n");
  assert.deepEqual(shown, [text]);
  const [scheme, message, signature, ...more] = token.split(".");
  assert.deepEqual([scheme, more], ["siwe", []]);
  assert.equal(Buffer.from(message!, "base64url").toString(), text);
  assert.deepEqual(
    new Uint8Array(Buffer.from(signature!, "base64url")),
    await account.sign(new TextEncoder().encode(text)),
  );
});

Deno.test("createWalletSession lasts a day, on the DID's chain, with a nonce of its own", async () => {
  const did = DID.replace(":1:", ":8453:").replace("0x2c7536e", "0x2C7536E");
  const wallet = await identityOf({ did, privateKeyJwk: KEY });
  const messages = await Promise.all([1, 2].map(async () => {
    const [, message] = (await createWalletSession(wallet, { audience })).split(".");
    return Buffer.from(message!, "base64url").toString();
  }));
  const [, issued, expires] = /Issued At: (\S+)\nExpiration Time: (\S+)$/.exec(messages[0]!)!;
  assert.equal(Date.parse(expires!) - Date.parse(issued!), 86_400_000);
  assert.match(messages[0]!, /\nChain ID: 8453\n/);
  const nonces = messages.map((message) => /\nNonce: ([A-Za-z0-9]{8,})\n/.exec(message)?.[1]);
  assert.ok(nonces[0] !== undefined && nonces[0] !== nonces[1]);
});

Deno.test("createWalletSession refuses identities that are no Ethereum accounts, and audiences that are no URLs", async () => {
  const message = /only did:pkh:eip155 makes wallet sessions/;
  await assert.rejects(createWalletSession(await createIdentity(), { audience }), message);
  const es256k = await identityOf({ did: "did:web:a.example", privateKeyJwk: KEY });
  await assert.rejects(createWalletSession(es256k, { audience }), message);
  const wallet = await identityOf({ did: DID, privateKeyJwk: KEY });
  await assert.rejects(createWalletSession(wallet, { audience: "gateway" }), /no URL: gateway/);
});

Deno.test("createWalletSession asks no wallet for a statement or a nonce that EIP-4361 does not take", async () => {
  const wallet: Identity = {
    ...await identityOf({ did: DID, privateKeyJwk: KEY }),
    sign: () => Promise.reject(new Error("the wallet was asked")),
  };
  for (const statement of ['"Spend", he said', "100 % mine", "a\n\nURI: https://x.example", "é"]) {
    const session = createWalletSession(wallet, { audience, statement });
    await assert.rejects(session, { name: "TypeError", message: /^a statement is of letters/ });
  }
  for (const nonce of ["abcd123", crypto.randomUUID(), ""]) {
    const session = createWalletSession(wallet, { audience, nonce });
    await assert.rejects(session, { name: "TypeError", message: /^a nonce has 8/ });
  }
});

Deno.test("checksummedAddress spells addresses as EIP-55 publishes them", () => {
  for (
    const address of [
      "0x52908400098527886E0F7030069857D2E4169EE7",
      "0xde709f2102306220921060314715629080e2fb77",
      "0x27b1fdb04752bbc536007a920d24acb045561c26",
      "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
      "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
      "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ]
  ) {
    assert.equal(checksummedAddress(address.toLowerCase()), address);
    assert.equal(checksummedAddress(`0x${address.slice(2).toUpperCase()}`), address);
  }
});
