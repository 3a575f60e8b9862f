import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import postgres from "postgres";
import {
  createKeyVault,
  type KeyVault,
} from "../supabase/functions/openrouter-proxy/accounts/key_vault.ts";
import { rotateKeys, takeInventory } from "./operator/rotation.ts";
import { runOperatorCommand } from "./operator/testing.ts";
import { gatewayFromEnv } from "../supabase/functions/openrouter-proxy/runtime.ts";
import { runToEnd } from "./run_to_end.ts";
import { LOOPBACK, serveHttp } from "./stack/ports.ts";
import type { Stack } from "./stack/start_stack.ts";
import { startTestStack } from "./stack/testing.ts";

let stack: Stack;
let sql: postgres.Sql;

Deno.test.beforeAll(async () => {
  stack = await startTestStack();
  sql = postgres(stack.databaseUrl, { max: 1 });
});
Deno.test.afterAll(async () => {
  await sql.end();
  await stack.stop();
});
Deno.test.beforeEach(async () => {
  await sql`delete from public.user_api_keys`;
});

/** A gateway that has these keys; only what needs no database is asked of it. */
async function withGateway(
  key: Uint8Array,
  previous: Uint8Array | null,
  use: (env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const variables: Record<string, string> = {
    SUPABASE_URL: "http://127.0.0.1:1",
    SUPABASE_SECRET_KEYS: SECRET_KEYS,
    OPENROUTER_PROVISIONING_KEY: "sk-or-v1-management",
    API_KEY_ENCRYPTION_KEY: base64(key),
    ...previous === null ? {} : { API_KEY_ENCRYPTION_KEY_PREVIOUS: base64(previous) },
  };
  const { fetch } = gatewayFromEnv({ get: (name) => variables[name] });
  const closing = new AbortController();
  const server = serveHttp(0, "PORT", closing.signal, (request) => fetch(request));
  try {
    const GATEWAY_URL = `http://${LOOPBACK}:${server.port}/functions/v1/openrouter-proxy`;
    await use({ GATEWAY_URL, SUPABASE_SECRET_KEYS: SECRET_KEYS });
  } finally {
    closing.abort();
    await server.finished;
  }
}

const SECRET_KEYS = '{"default":"sb_secret_x"}';
const newKey = () => new Uint8Array(randomBytes(32));
const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
const plaintextOf = (did: string) => `sk-or-v1-of-${did}`;

async function addAccounts(vault: KeyVault, prefix: string, count: number): Promise<void> {
  const rows = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const did = `did:key:${prefix}${index}`;
    return {
      did,
      openrouter_key_hash: randomBytes(32).toString("hex"),
      encrypted_api_key: await vault.seal(did, plaintextOf(did)),
      key_name: `llm-gateway:${did}#00000000`,
    };
  }));
  await sql`insert into public.user_api_keys ${sql(rows)}`;
}

async function envelopes(): Promise<Map<string, string>> {
  const rows = await sql<{ did: string; encrypted_api_key: string }[]>`
    select did, encrypted_api_key from public.user_api_keys order by did`;
  return new Map(rows.map((row) => [row.did, row.encrypted_api_key]));
}

async function assertAllOpen(vault: KeyVault): Promise<void> {
  for (const [did, envelope] of await envelopes()) {
    assert.equal(await vault.open(did, envelope), plaintextOf(did));
  }
}

Deno.test("rotate-keys re-encrypts what is not sealed with the current key, once", async () => {
  const [oldKey, key] = [newKey(), newKey()];
  await addAccounts(createKeyVault(oldKey, null), "zOld", 7);
  await addAccounts(createKeyVault(key, null), "zNew", 3);
  const env = {
    DATABASE_URL: stack.databaseUrl,
    API_KEY_ENCRYPTION_KEY: base64(key),
    API_KEY_ENCRYPTION_KEY_PREVIOUS: base64(oldKey),
  };
  const before = await envelopes();

  const check = await runOperatorCommand("rotate_keys.ts", ["--check"], env);
  assert.deepEqual(check, {
    code: 1,
    stdout: "7 of 10 keys are not sealed with API_KEY_ENCRYPTION_KEY\n",
    stderr: "",
  });
  assert.deepEqual(await envelopes(), before);

  await withGateway(key, oldKey, async (gateway) => {
    const rotation = await runOperatorCommand("rotate_keys.ts", [], { ...env, ...gateway });
    assert.deepEqual(rotation, {
      code: 0,
      stdout: "7 keys re-encrypted, 0 unreadable\n" +
        "0 of 10 keys are not sealed with API_KEY_ENCRYPTION_KEY\n",
      stderr: "10 keys checked: 7 re-encrypted, 0 unreadable\n",
    });
    await assertAllOpen(createKeyVault(key, null));

    const after = await envelopes();
    const again = await runOperatorCommand("rotate_keys.ts", [], { ...env, ...gateway });
    assert.equal(again.code, 0);
    assert.match(again.stdout, /^0 keys re-encrypted/);
    assert.deepEqual(await envelopes(), after);
  });
  assert.equal((await runOperatorCommand("rotate_keys.ts", ["--check"], env)).code, 0);
});

Deno.test("a rotation that would lock DIDs out writes nothing, and says what is missing", async () => {
  const [oldKey, key, wrongKey] = [newKey(), newKey(), newKey()];
  await addAccounts(createKeyVault(oldKey, null), "zOld", 3);
  await sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values ('did:key:zMadeUp', 'h', 'seeded', 'n')`;
  const before = await envelopes();
  const rotate = (previous: Uint8Array | null, env: Record<string, string>, ...args: string[]) =>
    runOperatorCommand("rotate_keys.ts", args, {
      DATABASE_URL: stack.databaseUrl,
      API_KEY_ENCRYPTION_KEY: base64(key),
      ...previous === null ? {} : { API_KEY_ENCRYPTION_KEY_PREVIOUS: base64(previous) },
      ...env,
    });

  await withGateway(oldKey, null, async (gateway) => {
    const early = await rotate(oldKey, gateway);
    assert.equal(early.code, 1);
    assert.equal(
      early.stdout,
      "1 accounts are made up and have no key\n" +
        "3 of 3 keys are not sealed with API_KEY_ENCRYPTION_KEY\n",
    );
    assert.match(
      early.stderr,
      /^error: nothing was written: the gateway does not have API_KEY_ENCRYPTION_KEY/,
    );
    const stranger = await rotate(oldKey, { ...gateway, SUPABASE_SECRET_KEYS: "sb_secret_y" });
    assert.match(stranger.stderr, /encryption-keys was answered with status 401: this is the/);
  });
  const wrong = await rotate(wrongKey, {}, "--no-gateway");
  assert.match(wrong.stderr, /API_KEY_ENCRYPTION_KEY_PREVIOUS \(key \w{16}\) opens none of what/);
  const unasked = await rotate(oldKey, {});
  assert.deepEqual([unasked.code, unasked.stdout], [2, ""]);
  assert.match(
    unasked.stderr,
    /^error: GATEWAY_URL is not set .*; SUPABASE_SECRET_KEYS is not set/,
  );
  assert.deepEqual(await envelopes(), before);

  const { code, stdout } = await rotate(oldKey, {}, "--no-gateway");
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^3 keys re-encrypted, 0 unreadable\n1 accounts are made up and have no key$/m,
  );
  assert.equal((await envelopes()).get("did:key:zMadeUp"), "seeded");
});

Deno.test("a row that neither key opens is reported by DID and key id, and the others are done", async () => {
  const [oldKey, key, lostKey] = [newKey(), newKey(), newKey()];
  await addAccounts(createKeyVault(oldKey, null), "zOld", 2);
  await addAccounts(createKeyVault(lostKey, null), "zLost", 1);
  const lost = (await envelopes()).get("did:key:zLost0")!;
  await sql`
    insert into public.user_api_keys (did, openrouter_key_hash, encrypted_api_key, key_name)
    values ('did:key:zPlain', 'h', 'sk-or-v1-stored-in-plaintext', 'n')`;

  const { code, stdout, stderr } = await runOperatorCommand("rotate_keys.ts", ["--no-gateway"], {
    DATABASE_URL: stack.databaseUrl,
    API_KEY_ENCRYPTION_KEY: base64(key),
    API_KEY_ENCRYPTION_KEY_PREVIOUS: base64(oldKey),
  });

  assert.equal(code, 1);
  const [, lostKeyId, , ciphertext] = lost.split(".");
  assert.match(stdout, new RegExp(`^unreadable: did:key:zLost0, key id ${lostKeyId}: `, "m"));
  assert.match(stdout, /^unreadable: did:key:zPlain, key id missing: /m);
  assert.match(stdout, /^2 keys re-encrypted, 2 unreadable$/m);
  assert.match(stdout, /^2 of 4 keys are not sealed/m);
  for (const secret of [ciphertext!, "stored-in-plaintext", base64(key), base64(oldKey)]) {
    assert.ok(!(stdout + stderr).includes(secret));
  }
  assert.equal((await envelopes()).get("did:key:zLost0"), lost);
});

Deno.test("a key that is replaced while it is re-encrypted keeps its successor", async () => {
  const [oldKey, key] = [newKey(), newKey()];
  await addAccounts(createKeyVault(oldKey, null), "zOld", 3);
  const vault = createKeyVault(key, oldKey);
  const successors = new Map([
    // By a gateway that has the new key, and by one that has not.
    ["did:key:zOld0", await vault.seal("did:key:zOld0", "sk-successor")],
    ["did:key:zOld1", await createKeyVault(oldKey, null).seal("did:key:zOld1", "sk-successor")],
  ]);
  const replacing: KeyVault = {
    ...vault,
    async seal(did, plaintext) {
      const sealed = await vault.seal(did, plaintext);
      const successor = successors.get(did);
      successors.delete(did);
      if (successor !== undefined) {
        await sql`
          update public.user_api_keys set encrypted_api_key = ${successor} where did = ${did}`;
      }
      return sealed;
    },
  };

  const { rotated, unreadable } = await rotateKeys(sql, replacing, () => {});

  assert.deepEqual({ rotated, unreadable }, { rotated: 2, unreadable: [] });
  const alone = createKeyVault(key, null);
  const opened = await Promise.all(
    [...await envelopes()].map(([did, envelope]) => alone.open(did, envelope)),
  );
  assert.deepEqual(opened, ["sk-successor", "sk-successor", plaintextOf("did:key:zOld2")]);
});

Deno.test("a rotation that was interrupted goes on where it was", async () => {
  const [oldKey, key] = [newKey(), newKey()];
  await addAccounts(createKeyVault(oldKey, null), "zOld", 1_100);
  const vault = createKeyVault(key, oldKey);

  await assert.rejects(
    rotateKeys(sql, vault, () => {
      throw new Error("interrupted");
    }),
    /interrupted/,
  );
  const { total, current, openable } = await takeInventory(sql, vault);
  assert.deepEqual({ total, current, openable }, { total: 1_100, current: 500, openable: 600 });

  const progress: number[] = [];
  const { rotated } = await rotateKeys(sql, vault, ({ checked }) => progress.push(checked));
  assert.equal(rotated, 600);
  assert.deepEqual(progress, [500, 1_000, 1_100]);
  await assertAllOpen(createKeyVault(key, null));
});

Deno.test("rotate-keys names everything that it lacks in one line", async () => {
  const { code, stdout, stderr } = await runOperatorCommand("rotate_keys.ts", []);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^error: DATABASE_URL is not set \(.*\); API_KEY_ENCRYPTION_KEY is not set; GATEWAY_URL is .*\n$/,
  );
});

Deno.test("an operator's command whose connection breaks in a transaction says so in one line", async () => {
  const program = `
    import { withDatabase } from ${JSON.stringify(import.meta.resolve("./operator/database.ts"))};
    await withDatabase(Deno.args[0], (sql) => sql.begin(async (sql) => {
      const [{ pid }] = await sql\`select pg_backend_pid() as pid\`;
      await sql\`select pg_terminate_backend(\${pid})\`.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
      await sql\`select 1\`;
    })).catch((error) => {
      console.error("error: " + error.message);
      Deno.exit(1);
    });`;
  const { code, stderr } = await runToEnd(Deno.execPath(), {
    args: ["eval", program, stack.databaseUrl],
    env: { NO_COLOR: "1" },
  });
  assert.equal(code, 1);
  assert.match(stderr, /^error: .*(connection|CONNECTION_CLOSED).*\n$/);
});

Deno.test("where nothing listens, DATABASE_URL is named", async () => {
  const { code, stderr } = await runOperatorCommand("report.ts", [], {
    DATABASE_URL: "postgres://postgres:x@127.0.0.1:1/postgres",
  });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: nothing listens where DATABASE_URL points to: connect ECONNREFUSED/m,
  );
});
