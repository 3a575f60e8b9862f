import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKey } from "../identity/private_key.ts";
import { eip191Identity, ethereumAddress } from "../identity/secp256k1.ts";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import { type Eip1193Provider, walletFetch } from "./wallet_example.ts";

/** A wallet of one account, which writes its address in upper case as EIP-55 partly does. */
function wallet() {
  const key = generateKey("secp256k1");
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

Deno.test("walletFetch sends what the gateway accepts as the wallet's account", async () => {
  await using gateway = startVerifyingGateway();
  const { provider, did, shown } = wallet();
  const fetch = await walletFetch(provider, { gatewayUrl: gateway.url });
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

Deno.test("walletFetch rejects when the wallet's owner declines, and sends nothing", async () => {
  await using gateway = startVerifyingGateway();
  const declining: Eip1193Provider = {
    request: ({ method }) =>
      method === "eth_requestAccounts"
        ? Promise.resolve(["0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"])
        : Promise.reject(Object.assign(new Error("User rejected the request."), { code: 4001 })),
  };
  const fetch = await walletFetch(declining, { gatewayUrl: gateway.url });
  await assert.rejects(fetch(`${gateway.url}/api/v1/usage`), { code: 4001 });
  assert.equal(gateway.received.length, 0);
});

Deno.test("walletFetch signs nothing for URLs outside the gateway, and needs an account", async () => {
  const { provider, shown } = wallet();
  const fetch = await walletFetch(provider, { gatewayUrl: "https://gateway.example/f" });
  await assert.rejects(fetch("https://evil.example/f/x"), /^TypeError: not signing/);
  assert.deepEqual(shown, []);
  const locked: Eip1193Provider = { request: () => Promise.resolve([]) };
  await assert.rejects(walletFetch(locked, { gatewayUrl: "https://gateway.example/f" }), TypeError);
});
