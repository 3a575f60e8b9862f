import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import { type Eip1193Provider, generateKey, signedFetch, walletIdentity } from "./llm_gateway.ts";
import { eip191Identity, ethereumAddress } from "./secp256k1.ts";

/** A wallet of one account, which writes its address in upper case as EIP-55 partly does. */
async function wallet() {
  const key = await generateKey("secp256k1");
  const address = `0x${ethereumAddress(key).slice(2).toUpperCase()}`;
  const { sign } = eip191Identity(key, "");
  const shown: string[] = [];
  const provider: Eip1193Provider = {
    request: async ({ method, params = [] }) => {
      if (method === "eth_requestAccounts") return [address];
      assert.equal(method, "personal_sign");
      assert.equal(params[1], address);
      const message = Buffer.from(String(params[0]).slice(2), "hex");
      shown.push(message.toString());
      return `0x${Buffer.from(await sign(new Uint8Array(message))).toString("hex")}`;
    },
  };
  return { provider, shown, did: `did:pkh:eip155:1:${address.toLowerCase()}` };
}

Deno.test("a wallet's identity signs what the gateway accepts as its account", async () => {
  await using gateway = startVerifyingGateway();
  const { provider, did, shown } = await wallet();
  const fetch = signedFetch(await walletIdentity(provider), { gatewayUrl: gateway.url });
  const posted = await fetch(`${gateway.url}/api/v1/openrouter/chat/completions?x=1`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"text":"héllo 世界 🌍"}',
  });
  assert.equal(posted.status, 200, await posted.text());
  const got = await fetch(`${gateway.url}/api/v1/usage`);
  assert.equal(got.status, 200, await got.text());
  assert.deepEqual(
    gateway.received.map(({ did, method, path }) => [did, method, path]),
    [[did, "POST", "/api/v1/openrouter/chat/completions?x=1"], [did, "GET", "/api/v1/usage"]],
  );
  assert.equal(gateway.received[0]?.contentType, "application/json");
  assert.equal(gateway.received[0]?.body.toString(), '{"text":"héllo 世界 🌍"}');
  assert.match(shown[0]!, /^llm-gateway:v1\n/);
});

Deno.test("a signature that the wallet's owner declines rejects, and nothing is sent", async () => {
  await using gateway = startVerifyingGateway();
  const declining: Eip1193Provider = {
    request: ({ method }) =>
      method === "eth_requestAccounts"
        ? Promise.resolve(["0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"])
        : Promise.reject(Object.assign(new Error("User rejected the request."), { code: 4001 })),
  };
  const fetch = signedFetch(await walletIdentity(declining), { gatewayUrl: gateway.url });
  await assert.rejects(fetch(`${gateway.url}/api/v1/usage`), { code: 4001 });
  assert.equal(gateway.received.length, 0);
});

Deno.test("walletIdentity names the chain it is told, and needs an account", async () => {
  const { provider, did } = await wallet();
  const onBase = await walletIdentity(provider, { chainId: 8453 });
  assert.equal(onBase.did, did.replace(":1:", ":8453:"));
  const locked: Eip1193Provider = { request: () => Promise.resolve([]) };
  await assert.rejects(walletIdentity(locked), /^TypeError: the wallet shares no account/);
});

Deno.test("a smart account's signature is refused before it is sent, and the error says why", async () => {
  const { provider } = await wallet();
  for (
    const [signature, message] of [[`0x${"ab".repeat(96)}`, /96 bytes.*ERC-1271/], ["no", /hex/]]
  ) {
    const smart: Eip1193Provider = {
      request: async (call) =>
        call.method === "personal_sign" ? signature : await provider.request(call),
    };
    const identity = await walletIdentity(smart);
    await assert.rejects(identity.sign(new Uint8Array(1)), { name: "TypeError", message });
  }
});
