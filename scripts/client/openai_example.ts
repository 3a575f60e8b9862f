/** Streams an answer through the gateway: `GATEWAY_URL=… deno run -A openai_example.ts "Hello"` */
import process from "node:process";
import OpenAI from "openai";
import { tokenSource } from "llm-gateway-client";
import { openIdentity } from "llm-gateway-client/node";

const gatewayUrl = process.env.GATEWAY_URL!;
// The account at the gateway is this DID: keep the file, which is made at the first run.
const identity = await openIdentity(process.env.DID_FILE ?? "identity.did.json");
const tokens = tokenSource(identity, { gatewayUrl, audience: process.env.GATEWAY_AUDIENCE });

const openai = new OpenAI({ baseURL: `${gatewayUrl}/api/v1/openrouter`, apiKey: tokens.get });
const answer = await openai.chat.completions.create({
  model: "openai/gpt-4o-mini",
  messages: [{ role: "user", content: process.argv[2] ?? "Say hello in five languages." }],
  stream: true,
});
for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
