/** The DIDs' keys in a workspace of their own, each under the operator's guardrail. */
import assert from "node:assert/strict";
import { runOperatorCommand } from "../../../scripts/operator/testing.ts";
import { DEFAULT_WORKSPACE_ID, OTHER_WORKSPACE_ID } from "../../../scripts/simulator/workspaces.ts";
import { liveKeys } from "./harness/accounts.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { type GatewayProcess, startGateways } from "./harness/gateway_process.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld({ env: { OPENROUTER_WORKSPACE_ID: OTHER_WORKSPACE_ID } });

const ASSIGN = "POST /guardrails/:id/assignments/keys";
const BODY = chat("hello");

/** A gateway in the same workspace whose guardrail lets `openai/gpt-4o-mini` run alone. */
let guarded: GatewayProcess;
let guardrailId = "";

Deno.test.beforeAll(async () => {
  const { env, openrouter } = world;
  const created = await manage("POST", "/guardrails", {
    name: "of the gateway",
    allowed_models: ["openai/gpt-4o-mini"],
    workspace_id: OTHER_WORKSPACE_ID,
  });
  guardrailId = created.data.id;
  const [gateway] = await startGateways(1, { ...env, OPENROUTER_GUARDRAIL_ID: guardrailId });
  guarded = gateway!;
  world.defer(guarded.stop);
  assert.equal(openrouter.keysNamed("llm-gateway:").length, 0);
});

/** What the operator does at OpenRouter. */
async function manage(method: string, path: string, body?: unknown) {
  const { managementKey, url } = world.openrouter;
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${managementKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return await response.json();
}

/** `deno task reconcile keys`; the lines about this DID. */
async function reconcileKeys(args: string[], did: string): Promise<string[]> {
  const { env, openrouter, stack } = world;
  const { code, stdout, stderr } = await runOperatorCommand("reconcile.ts", ["keys", ...args], {
    DATABASE_URL: stack.databaseUrl,
    OPENROUTER_API_URL: openrouter.url,
    OPENROUTER_PROVISIONING_KEY: openrouter.managementKey,
    OPENROUTER_WORKSPACE_ID: env.OPENROUTER_WORKSPACE_ID!,
  });
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter((line) => line.includes(did));
}

Deno.test("a DID's key is made in the gateway's workspace", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, BODY);
  assert.equal(response.status, 200, await response.text());
  const keys = openrouter.keysNamed(identity.did);
  assert.deepEqual(keys.map((key) => key.workspace_id), [OTHER_WORKSPACE_ID]);
});

Deno.test("reconcile keys sees the gateway's workspace, and leaves the keys of others alone", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, BODY);
  await response.body?.cancel();
  assert.deepEqual(await reconcileKeys([], identity.did), [], "nothing of this DID's differs");

  // As another gateway of the account names its own, and as one of before named them.
  const name = `llm-gateway:${identity.did}#0e6f3b1a`;
  for (const workspace_id of [undefined, DEFAULT_WORKSPACE_ID]) {
    await manage("POST", "/keys", { name, workspace_id });
  }
  assert.deepEqual(await reconcileKeys(["--apply"], identity.did), []);
  assert.equal(liveKeys(world, identity.did).length, 3);
  // In its own workspace such a key is seen: it may be about to be saved, so that it stays for now.
  await manage("POST", "/keys", { name, workspace_id: OTHER_WORKSPACE_ID });
  const [line, ...more] = await reconcileKeys(["--apply"], identity.did);
  assert.match(line ?? "", /^in progress: /);
  assert.equal(more.length, 0);
  assert.equal(openrouter.keysNamed(identity.did).filter((key) => key.deleted).length, 0);
});

Deno.test("a key that an attempt left in the gateway's workspace is found and deleted there, and nowhere else", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const name = `llm-gateway:${identity.did}#0e6f3b1a`;
  await manage("POST", "/keys", { name });
  openrouter.addFault({ on: "POST /keys", faults: "after,drop" });
  const lost = await call(gateway, identity, "POST", CHAT, BODY);
  await assertRefused(lost, 502, "provisioning_failed");
  const response = await call(gateway, identity, "POST", CHAT, BODY);
  assert.equal(response.status, 200, await response.text());

  const workspaces = liveKeys(world, identity.did).map((key) => key.workspace_id);
  assert.deepEqual(workspaces.sort(), [DEFAULT_WORKSPACE_ID, OTHER_WORKSPACE_ID].sort());
});

Deno.test("a key is put under the guardrail before its first use, and the guardrail binds what runs", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const before = openrouter.ledger().requests.count;
  const response = await call(guarded, identity, "POST", CHAT, BODY);
  assert.equal(response.status, 200, await response.text());
  await db.endedRows(identity.did, 1);

  const { count, recent } = openrouter.ledger().requests;
  assert.deepEqual(
    recent.slice(before - count).map(({ method, path }) => `${method} ${path}`)
      .filter((request) => !request.startsWith("GET /api/v1/models?")),
    [
      "POST /api/v1/keys",
      `POST /api/v1/guardrails/${guardrailId}/assignments/keys`,
      "POST /api/v1/chat/completions",
    ],
  );
  const [key] = liveKeys(world, identity.did);
  assert.deepEqual([key?.guardrail_id, key?.workspace_id], [guardrailId, OTHER_WORKSPACE_ID]);
  const other = chat("hello", { model: "openai/gpt-4o" });
  const refused = await call(guarded, identity, "POST", CHAT, other);
  assert.equal(refused.status, 403);
  const { error } = await refused.json();
  assert.equal(error.metadata.limit_source, "openrouter_guardrail_models");
});

const ASSIGNMENT_FAULTS: [what: string, faults: string, retryAfter: string | null][] = [
  ["is refused", "status:403", null],
  ["is refused for a while", "status:429:9", "9"],
  ["fails", "status:500", null],
  ["is done, and its answer lost", "after,drop", null],
  ["is answered with half an answer", "after,garbage", null],
];

for (const [what, faults, retryAfter] of ASSIGNMENT_FAULTS) {
  Deno.test(`where the assignment ${what}, no key is left, and the next call works`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();
    openrouter.addFault({ on: ASSIGN, faults });

    const response = await call(guarded, identity, "POST", CHAT, BODY);

    assert.equal(response.headers.get("retry-after"), retryAfter);
    await assertRefused(response, 502, "provisioning_failed");
    const [lost, ...others] = openrouter.keysNamed(identity.did);
    assert.ok(lost?.deleted);
    assert.deepEqual([lost.generations, others.length], [0, 0]);
    assert.equal(await db.keyHash(identity.did), null);
    assert.deepEqual(await db.rowsOf(identity.did), []);

    const next = await call(guarded, identity, "POST", CHAT, BODY);
    assert.equal(next.status, 200, await next.text());
    const [key, ...more] = liveKeys(world, identity.did);
    assert.equal(more.length, 0);
    assert.deepEqual([key?.guardrail_id, key?.hash], [
      guardrailId,
      await db.keyHash(identity.did),
    ]);
  });
}
