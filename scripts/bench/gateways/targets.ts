/** Whom the bench measures: each alone, with the same upstream and the same load. */
import { randomBytes } from "node:crypto";
import postgres from "postgres";
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

/** What the targets are called. */
export const UPSTREAM = "upstream";
export const PASS_THROUGH = "pass-through";
export const IN_MEMORY = "gateway, store in memory";
export const ON_STACK = "gateway, embedded stack";
export const PORTKEY = "Portkey 1.15.2";

const AUDIENCE = "https://bench.example";
const CHAT = "/chat/completions";
const encryptionKey = randomBytes(32);

/** Where a gateway keeps its books. */
export interface DataApi {
  url: string;
  secretKeys: string;
}

/** What the environment of a gateway of the bench holds. */
export function gatewayEnv(upstreamUrl: string, dataApi: DataApi): Record<string, string> {
  return {
    PORT: "0",
    SUPABASE_URL: dataApi.url,
    SUPABASE_SECRET_KEYS: dataApi.secretKeys,
    OPENROUTER_API_URL: upstreamUrl,
    OPENROUTER_PROVISIONING_KEY: "management",
    API_KEY_ENCRYPTION_KEY: encryptionKey.toString("base64"),
    GATEWAY_AUDIENCE: AUDIENCE,
    READS_PER_MINUTE: "1000000",
  };
}

/** The gateway, in a process of its own, on a Data API. */
export async function startGateway(upstreamUrl: string, dataApi: DataApi) {
  const gateway = await startProcess("scripts/serve.ts", gatewayEnv(upstreamUrl, dataApi));
  return {
    pid: gateway.pid,
    chatUrl: chatUrlOf(gateway.printed("GATEWAY_URL")),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

/** @param gatewayUrl with the name of the function at its end */
export function chatUrlOf(gatewayUrl: string): string {
  return `${gatewayUrl}/api/v1/openrouter${CHAT}`;
}

/** A Data API that answers from memory, for one DID. */
export async function startMemoryStore(did: string) {
  const memory = await startProcess("scripts/bench/gateways/memory_store.ts", {
    SEALED_KEY: await sealedKey(did),
  });
  const dataApi: DataApi = {
    url: memory.printed("SUPABASE_URL"),
    secretKeys: '{"default":"sb_secret_bench"}',
  };
  return { dataApi, [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose]() };
}

/** The envelope of a DID's key, as the gateway above opens it. */
function sealedKey(did: string): Promise<string> {
  return createKeyVault(new Uint8Array(encryptionKey), null)
    .seal(did, `sk-or-v1-${"a".repeat(64)}`);
}

/** What a caller of the gateway sends along, for an hour. */
export async function bearer(identity: Identity): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await createDidToken(identity, { audience: AUDIENCE })}` };
}

/** A stack whose DIDs have their keys, and no limit that the load would reach. */
export async function startStackFor(dids: string[]) {
  const stack = await startProcess("scripts/bench/gateways/stack.ts", {});
  const databaseUrl = stack.printed("DATABASE_URL");
  await openAccounts(databaseUrl, dids);
  return {
    pid: stack.pid,
    databaseUrl,
    dataApi: {
      url: stack.printed("SUPABASE_URL"),
      secretKeys: stack.printed("SUPABASE_SECRET_KEYS"),
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

async function openAccounts(databaseUrl: string, dids: string[]): Promise<void> {
  const keys = await Promise.all(
    dids.map(async (did) => ({ did, sealed: await sealedKey(did) })),
  );
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql`
    insert into user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name,
      applied_credit_limit, applied_credit_limit_reset)
    select key ->> 'did', md5(key ->> 'did'), key ->> 'sealed', 'bench', 1e5, 'daily'
    from jsonb_array_elements(${sql.json(keys)}) as key`;
  await sql.end();
}

/** The upstream, which costs next to nothing. */
export async function startUpstream() {
  const upstream = await startProcess("scripts/bench/gateways/upstream.ts", {});
  return {
    pid: upstream.pid,
    url: upstream.printed("UPSTREAM_URL"),
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** All of them, started. */
export async function startTargets(): Promise<Targets> {
  const running = new AsyncDisposableStack();
  const upstream = running.use(await startUpstream());
  const upstreamUrl = upstream.url;
  const identity = await createIdentity();
  const withToken = await bearer(identity);
  const withKey = { authorization: "Bearer sk-or-v1-x" };

  const passthrough = running.use(
    await startProcess("scripts/bench/passthrough.ts", {
      UPSTREAM_URL: new URL(upstreamUrl).origin,
    }),
  );
  const memory = running.use(await startMemoryStore(identity.did));
  const onMemory = running.use(await startGateway(upstreamUrl, memory.dataApi));
  const stack = running.use(await startStackFor([identity.did]));
  const onStack = running.use(await startGateway(upstreamUrl, stack.dataApi));
  const portkey = running.use(await startPortkey(upstreamUrl));

  return {
    targets: [
      { name: UPSTREAM, url: upstreamUrl + CHAT, headers: withKey, pids: [upstream.pid] },
      {
        name: PASS_THROUGH,
        url: passthrough.printed("PASSTHROUGH_URL") + new URL(upstreamUrl).pathname + CHAT,
        headers: withKey,
        pids: [passthrough.pid],
      },
      {
        name: IN_MEMORY,
        url: onMemory.chatUrl,
        headers: withToken,
        pids: [onMemory.pid],
      },
      {
        name: ON_STACK,
        url: onStack.chatUrl,
        headers: withToken,
        pids: [onStack.pid, stack.pid],
      },
      {
        name: PORTKEY,
        url: portkey.url + CHAT,
        headers: { ...withKey, ...portkey.headers },
        pids: [portkey.pid],
      },
    ],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
