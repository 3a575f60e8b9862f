/** Streams an answer through the gateway: `GATEWAY_URL=… deno run -A openai_example.ts "Hello"` */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import OpenAI from "openai";
import { createIdentity, importIdentity, signedFetch } from "./llm_gateway.ts";

// The account at the gateway is this DID: keep the key, as `deno task did new` does.
const file = process.env.DID_FILE ?? "identity.did.json";
if (!existsSync(file)) {
  const { did, keyPair } = await createIdentity("ed25519", true);
  const privateKeyJwk = await crypto.subtle.exportKey("jwk", keyPair.privateKey);
  writeFileSync(file, JSON.stringify({ did, privateKeyJwk }), { mode: 0o600 });
}
const { did, privateKeyJwk } = JSON.parse(readFileSync(file, "utf8"));
const identity = await importIdentity(privateKeyJwk, did);

const gatewayUrl = process.env.GATEWAY_URL!;
const openai = new OpenAI({
  baseURL: `${gatewayUrl}/api/v1/openrouter`,
  apiKey: "unused",
  fetch: signedFetch(identity, { gatewayUrl, audience: process.env.GATEWAY_AUDIENCE }),
});
const answer = await openai.chat.completions.create({
  model: "openai/gpt-4o-mini",
  messages: [{ role: "user", content: process.argv[2] ?? "Say hello in five languages." }],
  stream: true,
});
for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
