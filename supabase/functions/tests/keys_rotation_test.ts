/** Replacing the encryption key while requests run. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { runOperatorCommand } from "../../../scripts/operator/testing.ts";
import { createKeyVault } from "../openrouter-proxy/accounts/key_vault.ts";
import { managementOf } from "./harness/accounts.ts";
import { call, CHAT, chat, newIdentity } from "./harness/client.ts";
import { startGateways } from "./harness/gateway_process.ts";
import { useWorld } from "./harness/world.ts";

const CLIENTS = 32;
/** More than one batch of the rotation. */
const IDLE_ACCOUNTS = 1_200;

const world = useWorld({ freshStack: true });

Deno.test(`no request of ${CLIENTS} clients fails while the encryption key is replaced`, async () => {
  const { db, gateway, openrouter } = world;
  const newKey = Buffer.from(randomBytes(32)).toString("base64");
  const keys = {
    API_KEY_ENCRYPTION_KEY: newKey,
    API_KEY_ENCRYPTION_KEY_PREVIOUS: world.encryptionKey,
  };
  let gatewayVariables: Record<string, string> = {};
  const rotate = (...args: string[]) =>
    runOperatorCommand("rotate_keys.ts", args, {
      DATABASE_URL: world.stack.databaseUrl,
      ...keys,
      ...gatewayVariables,
    });

  const identities = await Promise.all(Array.from({ length: CLIENTS }, newIdentity));
  for (const identity of identities) {
    const response = await call(gateway, identity, "POST", CHAT, chat("before"));
    assert.equal(response.status, 200, await response.text());
  }
  await addIdleAccounts(IDLE_ACCOUNTS);

  const [both] = await startGateways(1, { ...world.env, ...keys });
  world.defer(both!.stop);
  // The one that has the old key alone is no longer deployed.
  gatewayVariables = { GATEWAY_URL: both!.url, SUPABASE_SECRET_KEYS: world.stack.secretKeys };
  assert.equal((await rotate("--check")).code, 1);

  let rotating = true;
  let requests = 0;
  let replaced = 0;
  const clients = identities.map(async (identity, index) => {
    while (rotating) {
      // Some lose their key meanwhile, whose row is then written by two.
      if (index % 8 === 0) {
        await managementOf(world).deleteKey((await db.keyHash(identity.did))!);
        replaced++;
      }
      const response = await call(both!, identity, "POST", CHAT, chat("during"));
      assert.equal(response.status, 200, await response.text());
      requests++;
    }
  });
  const rotation = rotate().finally(() => rotating = false);
  const [{ code, stdout, stderr }] = await Promise.all([rotation, ...clients]);

  assert.equal(code, 0, stdout + stderr);
  assert.ok(requests >= CLIENTS && replaced > 0);
  const { code: checked, stdout: count } = await rotate("--check");
  assert.equal(checked, 0, count);
  assert.match(count, new RegExp(`^0 of ${IDLE_ACCOUNTS + CLIENTS} keys are not sealed`));
  const again = await rotate();
  assert.equal(again.code, 0);
  assert.match(again.stdout, /^0 keys re-encrypted, 0 unreadable$/m);

  const [alone] = await startGateways(1, { ...world.env, API_KEY_ENCRYPTION_KEY: newKey });
  world.defer(alone!.stop);
  const created = openrouter.ledger().requests.by_route["POST /keys"];
  for (const identity of identities) {
    const response = await call(alone!, identity, "POST", CHAT, chat("after"));
    assert.equal(response.status, 200, await response.text());
  }
  assert.equal(openrouter.ledger().requests.by_route["POST /keys"], created);
});

/** Accounts whose DIDs send nothing, sealed with the old key. */
async function addIdleAccounts(count: number): Promise<void> {
  const vault = createKeyVault(new Uint8Array(Buffer.from(world.encryptionKey, "base64")), null);
  const accounts = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const did = `did:key:zIdle${index}`;
    return {
      did,
      openrouter_key_hash: randomBytes(32).toString("hex"),
      encrypted_api_key: await vault.seal(did, `sk-or-v1-${randomBytes(32).toString("hex")}`),
      key_name: `llm-gateway:${did}#12345678`,
    };
  }));
  await world.db.sql`insert into public.user_api_keys ${world.db.sql(accounts)}`;
}
