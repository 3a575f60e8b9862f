/** Whom the bench measures: each alone, with the same upstream and the same load. */
import { randomBytes } from "node:crypto";
import { createKeyVault } from "../../../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { createDidToken, createIdentity, type Identity } from "../../client/llm_gateway.ts";
import { startProcess } from "../process.ts";
import { startPortkey } from "./portkey.ts";

/** Somebody who forwards chats to the upstream. */
export interface Target {
  name: string;
  /** Of a chat completion. */
  url: string;
  headers: Record<string, string>;
  /** The processes whose CPU time a call costs; of the first, the memory is measured. */
  pids: number[];
}

export type Targets = AsyncDisposable & { targets: Target[] };

const AUDIENCE = "https://bench.example";
const CHAT = "/chat/completions";
const encryptionKey = randomBytes(32);

/** The gateway, in a process of its own, on a Data API. */
export async function startGateway(
  upstreamUrl: string,
  dataApi: { url: string; secretKeys: string },
) {
  return await startProcess("scripts/serve.ts", {
    PORT: "0",
    SUPABASE_URL: dataApi.url,
    SUPABASE_SECRET_KEYS: dataApi.secretKeys,
    OPENROUTER_API_URL: upstreamUrl,
    OPENROUTER_PROVISIONING_KEY: "management",
    API_KEY_ENCRYPTION_KEY: encryptionKey.toString("base64"),
    GATEWAY_AUDIENCE: AUDIENCE,
    READS_PER_MINUTE: "1000000",
  });
}

/** The envelope of a DID's key, as the gateway above opens it. */
export function sealedKey(did: string): Promise<string> {
  return createKeyVault(new Uint8Array(encryptionKey), null)
    .seal(did, `sk-or-v1-${"a".repeat(64)}`);
}

/** What a caller of the gateway sends along, for an hour. */
export async function bearer(identity: Identity): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}` };
}

/** A stack whose DIDs have their keys, and no limit that the load would reach. */
export async function startStackFor(dids: string[]) {
  const stack = await startProcess("scripts/bench/gateways/stack.ts", {
    KEYS: JSON.stringify(
      await Promise.all(dids.map(async (did) => ({ did, sealed: await sealedKey(did) }))),
    ),
  });
  return {
    pid: stack.pid,
    dataApi: {
      url: stack.printed("SUPABASE_URL"),
      secretKeys: stack.printed("SUPABASE_SECRET_KEYS"),
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** All of them, started. */
export async function startTargets(): Promise<Targets> {
  const running = new AsyncDisposableStack();
  const upstream = running.use(await startProcess("scripts/bench/gateways/upstream.ts", {}));
  const upstreamUrl = upstream.printed("UPSTREAM_URL");
  const identity = await createIdentity();
  const withToken = await bearer(identity);
  const withKey = { authorization: "Bearer sk-or-v1-x" };

  const passthrough = running.use(
    await startProcess("scripts/bench/passthrough.ts", {
      UPSTREAM_URL: new URL(upstreamUrl).origin,
    }),
  );
  const memory = running.use(
    await startProcess("scripts/bench/gateways/memory_store.ts", {
      SEALED_KEY: await sealedKey(identity.did),
    }),
  );
  const onMemory = running.use(
    await startGateway(upstreamUrl, {
      url: memory.printed("SUPABASE_URL"),
      secretKeys: '{"default":"sb_secret_bench"}',
    }),
  );
  const stack = running.use(await startStackFor([identity.did]));
  const onStack = running.use(await startGateway(upstreamUrl, stack.dataApi));
  const portkey = running.use(await startPortkey(upstreamUrl));

  const gatewayChat = (gateway: { printed(name: string): string }) =>
    `${gateway.printed("GATEWAY_URL")}/api/v1/openrouter${CHAT}`;
  return {
    targets: [
      { name: "upstream", url: upstreamUrl + CHAT, headers: withKey, pids: [upstream.pid] },
      {
        name: "pass-through",
        url: passthrough.printed("PASSTHROUGH_URL") + new URL(upstreamUrl).pathname + CHAT,
        headers: withKey,
        pids: [passthrough.pid],
      },
      {
        name: "gateway, store in memory",
        url: gatewayChat(onMemory),
        headers: withToken,
        pids: [onMemory.pid],
      },
      {
        name: "gateway, embedded stack",
        url: gatewayChat(onStack),
        headers: withToken,
        pids: [onStack.pid, stack.pid],
      },
      {
        name: "Portkey 1.15.2",
        url: portkey.url + CHAT,
        headers: { ...withKey, ...portkey.headers },
        pids: [portkey.pid],
      },
    ],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
