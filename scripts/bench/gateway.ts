/**
 * What the gateway adds to a call: the simulator of OpenRouter asked directly, through a bare
 * pass-through, and through the gateway with its signature check and its two round trips to a real
 * Postgres, all on this machine and in one run.
 *
 * Usage: deno run -A scripts/bench/gateway.ts
 */
import { randomBytes } from "node:crypto";
import { createIdentity, signRequest } from "../client/llm_gateway.ts";
import { startProcess } from "./process.ts";

const CHAT = "/chat/completions";
const CALLS = { 1: 300, 32: 1500 };
const WARM_UP_CALLS = 100;

/** Where a load goes, and the headers that one call of it needs. */
interface Target {
  name: string;
  url: string;
  headers(body: string): Promise<Record<string, string>>;
}

/** Sends calls from `clients` at once; answers with milliseconds at the median, and calls per second. */
async function measure({ url, headers }: Target, body: string, clients: 1 | 32) {
  // Signing is the client's work: it is done before the clock runs.
  const requests = await Promise.all(
    Array.from({ length: CALLS[clients] + WARM_UP_CALLS }, async () => ({
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...await headers(body) },
    })),
  );
  async function send(count: number): Promise<number[]> {
    const durations: number[] = [];
    const queue = requests.splice(0, count);
    await Promise.all(Array.from({ length: clients }, async () => {
      for (let init = queue.pop(); init; init = queue.pop()) {
        const start = performance.now();
        const response = await fetch(url + CHAT, init);
        await response.arrayBuffer();
        if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
        durations.push(performance.now() - start);
      }
    }));
    return durations;
  }
  await send(WARM_UP_CALLS);
  const start = performance.now();
  const durations = (await send(CALLS[clients])).sort((a, b) => a - b);
  const seconds = (performance.now() - start) / 1000;
  return { median: durations[durations.length >> 1]!, rate: durations.length / seconds };
}

await using stack = await startProcess("scripts/stack.ts", {
  PORT: "0",
  DB_PORT: "0",
  EPHEMERAL: "1",
});
await using simulator = await startProcess("scripts/simulator.ts", {
  PORT: "0",
  OPENROUTER_PROVISIONING_KEY: "management",
});
const openrouterUrl = simulator.printed("OPENROUTER_API_URL");
await using passthrough = await startProcess("scripts/bench/passthrough.ts", {
  UPSTREAM_URL: openrouterUrl,
});
const audience = "https://bench.example";
await using gateway = await startProcess("scripts/serve.ts", {
  PORT: "0",
  SUPABASE_URL: stack.printed("SUPABASE_URL"),
  SUPABASE_SECRET_KEYS: stack.printed("SUPABASE_SECRET_KEYS"),
  OPENROUTER_API_URL: openrouterUrl,
  OPENROUTER_PROVISIONING_KEY: "management",
  API_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
  GATEWAY_AUDIENCE: audience,
});

const created = await fetch(`${openrouterUrl}/keys`, {
  method: "POST",
  headers: { authorization: "Bearer management" },
  body: '{"name":"bench"}',
});
const { key } = await created.json();
const withKey = () => Promise.resolve({ authorization: `Bearer ${key}` });
const identity = await createIdentity();
const path = `/api/v1/openrouter${CHAT}`;
const targets: Target[] = [
  { name: "simulator itself", url: openrouterUrl, headers: withKey },
  { name: "bare pass-through", url: passthrough.printed("PASSTHROUGH_URL"), headers: withKey },
  {
    name: "gateway",
    url: `${gateway.printed("GATEWAY_URL")}/api/v1/openrouter`,
    headers: (body) => signRequest(identity, { audience, method: "POST", path, body }),
  },
];

const model = "openai/gpt-4o-mini";
const messages = [{ role: "user", content: "Say hello." }];
for (const stream of [false, true]) {
  const body = JSON.stringify({ model, messages, max_tokens: stream ? 100 : 10, stream });
  console.log(`\n${stream ? "stream of 100 tokens" : "JSON"}`);
  for (const clients of [1, 32] as const) {
    let bare = 0;
    for (const target of targets) {
      const { median, rate } = await measure(target, body, clients);
      if (target.name === "bare pass-through") bare = rate;
      const ratio = bare === 0 ? "" : `  ×${(bare / rate).toFixed(1)} of the pass-through`;
      console.log(
        `${target.name.padEnd(18)} ${String(clients).padStart(2)} clients  ` +
          `p50 ${median.toFixed(2).padStart(7)} ms  ${rate.toFixed(0).padStart(6)} /s${ratio}`,
      );
    }
  }
}
