/**
 * What a worker of Supabase's Edge Runtime has to bear, against what it may take: 256 MB, and 2 s of CPU a
 * request. The gateway runs under the runtime's Deno with a heap of that size, its store in memory.
 */
import { createIdentity } from "../../client/llm_gateway.ts";
import { startGateways } from "../../../supabase/functions/tests/harness/gateway_process.ts";
import { liveMb, peakMbDuring } from "../../../supabase/functions/tests/harness/memory.ts";
import { runLoad } from "./generator.ts";
import { chatBody } from "./measure.ts";
import { bearer, chatUrlOf, gatewayEnv, startMemoryStore, startUpstream } from "./targets.ts";

export interface Borne {
  what: string;
  /** Null where calls of two kinds are made at once. */
  cpuMsPerCall: number | null;
  /** V8's heap and what it holds outside, in MB: before, without garbage, and at most, with it. */
  idleMb: number;
  peakMb: number;
}

const MEBIBYTE = 2 ** 20;
const STREAMS = 128;
/** How long the JSON of a request may be besides its text. */
const BESIDE_TEXT = 300;

/** What is sent: each entry by so many clients, at the same time as the other entries. */
interface Burden {
  what: string;
  calls: { body: string; clients: number }[];
}

/** Clients send again for so long: a stream that began last goes on to its end. */
const BURDEN_MS = 1_000;

function burdens(): Burden[] {
  const bodyOf = (bytes: number, more: object) =>
    JSON.stringify({
      model: "openai/gpt-4o-mini",
      messages: [{
        role: "user",
        content: [{
          type: "image_url",
          image_url: { url: `data:image/png;base64,${"A".repeat(bytes - BESIDE_TEXT)}` },
        }],
      }],
      max_tokens: 100,
      ...more,
    });
  const largest = bodyOf(20 * MEBIBYTE, { stream: false });
  const streams = { body: chatBody(true, 20), clients: STREAMS };
  const upload = { body: largest, clients: 1 };
  const longAnswer = JSON.stringify({ ...JSON.parse(chatBody(false)), answer_bytes: 8_000_000 });
  return [
    { what: "a JSON call", calls: [{ body: chatBody(false), clients: 1 }] },
    { what: "a JSON answer of 8 MB", calls: [{ body: longAnswer, clients: 1 }] },
    { what: "a body of 20 MiB", calls: [upload] },
    { what: `${STREAMS} streams at once, 20 ms a token`, calls: [streams] },
    { what: `${STREAMS} streams, and a body of 20 MiB`, calls: [streams, upload] },
  ];
}

export async function worker(): Promise<Borne[]> {
  await using running = new AsyncDisposableStack();
  const upstream = running.use(await startUpstream());
  const identity = await createIdentity();
  const caller = await bearer(identity);
  const memory = running.use(await startMemoryStore(identity.did));
  const [gateway] = await startGateways(1, gatewayEnv(upstream.url, memory.dataApi), {
    edge: true,
    measured: true,
  });
  running.defer(() => gateway!.stop());

  async function bear(calls: Burden["calls"]): Promise<number> {
    const results = await Promise.all(calls.map(({ body, clients }) =>
      runLoad({
        urls: [chatUrlOf(gateway!.url)],
        callers: [caller],
        body,
        clients,
        warmUpMs: 0,
        measureMs: BURDEN_MS,
      }, [gateway!.pid])
    ));
    const failures = results.reduce((sum, result) => sum + result.failures, 0);
    if (failures > 0) throw new Error(`${failures} answers were none`);
    return results[0]!.cpuMsPerCall;
  }

  const borne: Borne[] = [];
  for (const { what, calls } of burdens()) {
    console.error(`a worker: ${what}`);
    const idleMb = await liveMb(gateway!);
    // By itself: telling its memory costs the process CPU too.
    const cpuMs = await bear(calls);
    const peakMb = await peakMbDuring(gateway!, async () => void await bear(calls));
    borne.push({ what, cpuMsPerCall: calls.length === 1 ? cpuMs : null, idleMb, peakMb });
  }
  return borne;
}
