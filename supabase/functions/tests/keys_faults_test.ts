/**
 * Every point at which creating a DID's key can fail, with and without a retry: never two keys that
 * work, never a key that nobody knows of once reconcile ran, never a plaintext anywhere.
 */
import assert from "node:assert/strict";
import { expireLease, liveKeys, reconcileLater } from "./harness/accounts.ts";
import { call, CHAT, chat, type Identity, newIdentity } from "./harness/client.ts";
import { type FailingDataApi, startFailingDataApi } from "./harness/failing_data_api.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { assertNoPlaintextKey } from "./harness/plaintext.ts";
import { assertRefusal } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ gateways: 0 });
let dataApi: FailingDataApi;
let gateway: GatewayProcess;

async function startGateway(): Promise<GatewayProcess> {
  const [started] = await startGateways(1, { ...world.env, SUPABASE_URL: dataApi.url });
  return started!;
}

Deno.test.beforeAll(async () => {
  dataApi = startFailingDataApi(world.stack.url);
  world.defer(dataApi.stop);
  gateway = await startGateway();
  world.defer(() => gateway.stop());
});

/** How the first request of a DID ends. */
type Ending =
  | { status: 200 }
  | { status: 502; type: "provisioning_failed"; retryAfter: string | null }
  | { status: 503; type: "store_unavailable"; retryAfter: string }
  | "killed";

interface Failure {
  what: string;
  /** Faults of OpenRouter, by route. */
  openrouter?: Record<string, string>;
  /** Calls of an RPC that fail, once or as often as it is called. */
  postgres?: [rpc: string, fault: Parameters<FailingDataApi["strike"]>[1], times: number][];
  /** Postgres refuses to store this DID's account. */
  refusesAccount?: true;
  /** Kills the gateway when this holds. */
  killWhen?: (did: string, struck: Promise<unknown>) => Promise<unknown>;
  ends: Ending;
  /** How many keys of the DID OpenRouter has then. */
  leaves: 0 | 1;
}

const FAILED = { status: 502, type: "provisioning_failed", retryAfter: null } as const;
const UNAVAILABLE = { status: 503, type: "store_unavailable", retryAfter: "2" } as const;

const refused = (what: string, faults: string, retryAfter: string | null = null): Failure => ({
  what: `OpenRouter ${what} instead of creating a key`,
  openrouter: { "POST /keys": faults },
  ends: { ...FAILED, retryAfter },
  leaves: 0,
});
const unheard = (what: string, faults: string): Failure => ({
  what: `OpenRouter ${what} after creating the key`,
  openrouter: { "POST /keys": faults },
  ends: FAILED,
  leaves: 1,
});
const postRequests = () => world.openrouter.ledger().requests.by_route["POST /keys"] ?? 0;

const FAILURES: Failure[] = [
  refused("answers 401", "status:401"),
  refused("answers 402", "status:402"),
  refused("answers 403", "status:403"),
  refused("answers 408", "status:408"),
  refused("answers 429", "status:429"),
  refused("answers 429 with Retry-After", "status:429:17", "17"),
  refused("answers 500", "status:500"),
  refused("answers an HTML 502", "html:502"),
  refused("answers 503 with Retry-After", "status:503:4", "4"),
  refused("answers nothing", "empty"),
  refused("answers garbage", "garbage"),
  refused("breaks the connection", "drop"),
  unheard("answers 408", "after,status:408"),
  unheard("answers 500", "after,status:500"),
  unheard("answers an HTML 502", "after,html:502"),
  unheard("answers nothing", "after,empty"),
  unheard("answers garbage", "after,garbage"),
  unheard("breaks the connection", "after,drop"),
  unheard("breaks the connection after the headers", "drop:0"),
  unheard("breaks the connection amid the plaintext", "drop:1"),
  {
    what: "the claim is lost",
    postgres: [["claim_key_provisioning", "lost", 1]],
    ends: UNAVAILABLE,
    leaves: 0,
  },
  {
    what: "the answer to the claim is lost",
    postgres: [["claim_key_provisioning", "done, answer lost", 1]],
    ends: UNAVAILABLE,
    leaves: 0,
  },
  {
    what: "saving is lost once",
    postgres: [["complete_key_provisioning", "lost", 1]],
    ends: { status: 200 },
    leaves: 1,
  },
  {
    what: "the answer to saving is lost twice",
    postgres: [["complete_key_provisioning", "done, answer lost", 2]],
    ends: { status: 200 },
    leaves: 1,
  },
  {
    what: "saving is always lost",
    postgres: [["complete_key_provisioning", "lost", 3]],
    ends: UNAVAILABLE,
    leaves: 0,
  },
  {
    what: "the answer to saving is always lost",
    postgres: [["complete_key_provisioning", "done, answer lost", 3]],
    ends: UNAVAILABLE,
    leaves: 0,
  },
  {
    what: "saving is always lost, and giving the lease back too",
    postgres: [
      ["complete_key_provisioning", "lost", 3],
      ["release_key_provisioning", "lost", 1],
    ],
    ends: UNAVAILABLE,
    leaves: 0,
  },
  { what: "Postgres refuses the account", refusesAccount: true, ends: UNAVAILABLE, leaves: 0 },
  {
    what: "Postgres refuses the account and OpenRouter the deletion",
    refusesAccount: true,
    openrouter: { "DELETE /keys/:hash": "status:500" },
    ends: UNAVAILABLE,
    leaves: 1,
  },
  {
    what: "Postgres refuses the account and the answer to the deletion is lost",
    refusesAccount: true,
    openrouter: { "DELETE /keys/:hash": "after,drop" },
    ends: UNAVAILABLE,
    leaves: 0,
  },
  {
    what: "Postgres refuses the account, OpenRouter the deletion, and the lease is not given back",
    refusesAccount: true,
    openrouter: { "DELETE /keys/:hash": "status:503" },
    postgres: [["release_key_provisioning", "lost", 1]],
    ends: UNAVAILABLE,
    leaves: 1,
  },
  {
    what: "the gateway dies before OpenRouter creates the key",
    openrouter: { "POST /keys": "hang" },
    killWhen: async () => {
      const before = postRequests();
      await until("the call that creates the key", () => postRequests() > before);
    },
    ends: "killed",
    leaves: 0,
  },
  {
    what: "the gateway dies before it hears of the key",
    openrouter: { "POST /keys": "after,hang" },
    killWhen: (did) => until("the key", () => liveKeys(world, did).length === 1),
    ends: "killed",
    leaves: 1,
  },
  {
    what: "the gateway dies between creating and saving the key",
    postgres: [["complete_key_provisioning", "held", 1]],
    killWhen: (_, struck) => struck,
    ends: "killed",
    leaves: 1,
  },
  {
    what: "the gateway dies when the key is saved",
    postgres: [["complete_key_provisioning", "done, answer held", 1]],
    killWhen: (_, struck) => struck,
    ends: "killed",
    leaves: 1,
  },
];

/** Lets everything fail as described while it runs. */
async function withFailure(
  { openrouter = {}, postgres = [], refusesAccount }: Failure,
  did: string,
  run: (struck: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { sql } = world.db;
  const constraint = sql("keys_faults_test");
  if (refusesAccount) {
    await sql`
      alter table public.user_api_keys
      add constraint ${constraint} check (did <> ${sql.unsafe(`'${did}'`)}) not valid`;
  }
  for (const [on, faults] of Object.entries(openrouter)) {
    world.openrouter.addFault({ on, faults, times: 1 });
  }
  const struck = Promise.all(postgres.map((fault) => dataApi.strike(...fault)));
  try {
    await run(struck);
  } finally {
    world.openrouter.clearFaults();
    dataApi.clear();
    if (refusesAccount) await sql`alter table public.user_api_keys drop constraint ${constraint}`;
  }
}

/** The first request, and its body. */
async function firstRequest(failure: Failure, identity: Identity): Promise<string> {
  const { ends, killWhen } = failure;
  let text = "";
  await withFailure(failure, identity.did, async (struck) => {
    const killed = killWhen?.(identity.did, struck).then(() => gateway.kill());
    const answer = call(gateway, identity, "POST", CHAT, chat("hello"));
    if (ends === "killed") {
      await assert.rejects(answer);
      return await killed;
    }
    const response = await answer;
    text = await response.text();
    assert.equal(response.status, ends.status, text);
    if (ends.status === 200) return;
    const { status, headers } = response;
    assertRefusal({ status, headers, body: text }, ends.status, ends.type);
    assert.equal(response.headers.get("retry-after"), ends.retryAfter);
  });
  return text;
}

for (const failure of FAILURES) {
  for (const retried of [false, true]) {
    Deno.test(`${failure.what}, and the request is ${retried ? "" : "not "}repeated`, async () => {
      const { db } = world;
      const identity = await newIdentity();
      const { did } = identity;

      const texts = [await firstRequest(failure, identity)];
      texts.push(gateway.output());
      if (failure.ends === "killed") gateway = await startGateway();

      assert.equal(liveKeys(world, did).length, failure.leaves);
      await expireLease(world, did);
      if (retried) {
        const response = await call(gateway, identity, "POST", CHAT, chat("hello"));
        texts.push(await response.text(), gateway.output());
        assert.equal(response.status, 200, texts.join("\n"));
        assert.deepEqual(liveKeys(world, did).map(({ hash }) => hash), [await db.keyHash(did)]);
      }

      await reconcileLater(world);
      for (const { hash } of liveKeys(world, did)) assert.equal(hash, await db.keyHash(did));
      assert.equal((await reconcileLater(world)).at(-1), "nothing to do");
      await assertNoPlaintextKey(db, ...texts);
    });
  }
}
