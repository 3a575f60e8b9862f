import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import {
  createManagement,
  type Management,
} from "../supabase/functions/openrouter-proxy/openrouter/management.ts";
import type { KeyLimit } from "../supabase/functions/openrouter-proxy/store/key_limit.ts";
import { type Proxy, startProxy } from "../supabase/functions/tests/harness/proxy.ts";
import { withDatabase } from "./operator/database.ts";
import { reconcileKeys } from "./operator/key_reconciliation.ts";
import { runOperatorCommand } from "./operator/testing.ts";
import { type Simulator, startSimulator } from "./simulator/server.ts";
import type { Stack } from "./stack/start_stack.ts";
import { startTestStack } from "./stack/testing.ts";
import { WITHOUT_LIMITS } from "./stack/without_limits.ts";

const MANAGEMENT_KEY = "sk-or-v1-management-of-the-test";
const DAILY: KeyLimit = { creditLimit: "1", creditLimitReset: "daily" };
const NO_LIMIT: KeyLimit = { creditLimit: null, creditLimitReset: null };

let stack: Stack;
let sql: postgres.Sql;
let openrouter: Simulator;
/** OpenRouter an hour later: what was made is not in progress any more. */
let later: Proxy;

Deno.test.beforeAll(async () => {
  stack = await startTestStack();
  sql = postgres(stack.databaseUrl, { max: 1 });
  await sql.unsafe(WITHOUT_LIMITS);
  openrouter = await startSimulator({ managementKey: MANAGEMENT_KEY });
  later = startProxy(openrouter.url, async (request, pass) => {
    const response = await pass();
    if (request.method !== "GET" || !response.ok) return response;
    const text = await response.text();
    return new Response(text.replaceAll(
      /"created_at":"([^"]+)"/g,
      (_, at) => `"created_at":"${new Date(Date.parse(at) - 3_600_000).toISOString()}"`,
    ));
  });
});
Deno.test.afterAll(async () => {
  await later.stop();
  await openrouter.stop();
  await sql.end();
  await stack.stop();
});
Deno.test.beforeEach(async () => {
  openrouter.reset();
  await sql`delete from public.user_api_keys`;
  await sql`delete from public.key_provisioning`;
});

const management = (): Management => createManagement(openrouter.url, MANAGEMENT_KEY, fetch, null);

async function reconcile(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; lines: string[]; stderr: string }> {
  const { code, stdout, stderr } = await runOperatorCommand("reconcile.ts", ["keys", ...args], {
    DATABASE_URL: stack.databaseUrl,
    OPENROUTER_API_URL: `${later.url}/api/v1`,
    OPENROUTER_PROVISIONING_KEY: MANAGEMENT_KEY,
    ...env,
  });
  for (const secret of [MANAGEMENT_KEY, new URL(stack.databaseUrl).password]) {
    assert.ok(!(stdout + stderr).includes(secret));
  }
  return { code, lines: stdout.split("\n").slice(0, -1), stderr };
}

/** Makes a key at OpenRouter, named as the gateway names it; gives its hash. */
async function createKey(did: string, limit = NO_LIMIT): Promise<string> {
  const { hash } = await management().createKey(`llm-gateway:${did}#0e6f3b1a`, limit);
  return hash;
}

async function createAccount(did: string, hash: string, limit = NO_LIMIT): Promise<void> {
  await sql`
    insert into public.user_api_keys (
      did, openrouter_key_hash, encrypted_api_key, key_name,
      credit_limit, credit_limit_reset, applied_credit_limit, applied_credit_limit_reset
    )
    values (
      ${did}, ${hash}, 'v1.…', 'n',
      ${limit.creditLimit}::numeric, ${limit.creditLimitReset},
      ${limit.creditLimit}::numeric, ${limit.creditLimitReset}
    )`;
}

const keyOf = (hash: string) => openrouter.ledger().keys.find((key) => key.hash === hash);

Deno.test("reconcile keys shows every difference, puts right what can be, and then has nothing to do", async () => {
  const whole = await createKey("did:key:zWhole", {
    creditLimit: "5.10",
    creditLimitReset: "daily",
  });
  await createAccount("did:key:zWhole", whole, { creditLimit: "5.1", creditLimitReset: "daily" });
  const orphans = [
    await createKey("did:key:zWhole"),
    ...await Promise.all(Array.from({ length: 120 }, (_, n) => createKey(`did:key:zNobody${n}`))),
  ];
  const strangers = await Promise.all(
    ["my laptop", "llm-gateway:staging", "llm-gateway:u1#1", "x llm-gateway:did:key:zWhole#1"]
      .map((name) => management().createKey(name, NO_LIMIT)),
  );
  const deleted = await createKey("did:key:zDeleted");
  await createAccount("did:key:zDeleted", deleted);
  await management().deleteKey(deleted);
  const disabled = await createKey("did:key:zDisabled");
  await createAccount("did:key:zDisabled", disabled);
  const expired = await createKey("did:key:zExpired");
  await createAccount("did:key:zExpired", expired);
  for (
    const [hash, change] of [
      [disabled, '{"disabled":true}'],
      [expired, '{"expires_at":"2026-11-22T10:00:00Z"}'],
    ] as const
  ) {
    await fetch(`${openrouter.url}/keys/${hash}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
      body: change,
    }).then((response) => response.body?.cancel());
  }
  await createAccount("did:key:zOff", "0".repeat(64));
  await sql`update public.user_api_keys set status = 'disabled' where did = 'did:key:zOff'`;
  const limited = await createKey("did:key:zLimited");
  await createAccount("did:key:zLimited", limited);
  await sql`
    update public.user_api_keys set credit_limit = 2.5, credit_limit_reset = 'weekly'
    where did = 'did:key:zLimited'`;
  const freed = await createKey("did:key:zFreed", { creditLimit: "1", creditLimitReset: null });
  await createAccount("did:key:zFreed", freed);
  const budgeted = await createKey("did:key:zBudget");
  await createAccount("did:key:zBudget", budgeted);
  await sql`select public.set_limits('did:key:zBudget', daily_budget_usd => 3)`;
  const before = openrouter.ledger().keys;

  const differences = [
    `missing: did:key:zDeleted, key ${deleted} is deleted at OpenRouter; its next request heals it`,
    `missing: did:key:zDisabled, key ${disabled} is disabled at OpenRouter; its next request heals it`,
    `missing: did:key:zExpired, key ${expired} is expired at OpenRouter; its next request heals it`,
    ...orphans.map((hash) => `orphan: ${keyOf(hash)!.name.slice(12, -9)}, key ${hash}`),
    `limit: did:key:zFreed, key ${freed}: 1 USD in all → no limit`,
    `limit: did:key:zLimited, key ${limited}: no limit → 2.5 USD weekly`,
    `limit: did:key:zBudget, key ${budgeted}: no limit → 3 USD daily`,
  ];
  const shown = await reconcile([]);
  assert.equal(shown.code, 0);
  assert.equal(shown.stderr, "");
  assert.deepEqual(shown.lines.slice(0, -3).toSorted(), differences.toSorted());
  assert.deepEqual(shown.lines.slice(-3, -1), [
    "127 keys at OpenRouter: 121 orphans, 0 in progress, 3 missing, 3 with another limit",
    "nothing was changed: --apply does",
  ]);
  assert.deepEqual(openrouter.ledger().keys, before);

  const applied = await reconcile(["--apply", "--max-orphans", "121"]);
  assert.equal(applied.code, 0, applied.stderr);
  assert.ok(applied.lines.includes(`orphan: did:key:zWhole, key ${orphans[0]}: deleted`));
  assert.ok(
    applied.lines.includes(`limit: did:key:zFreed, key ${freed}: 1 USD in all → no limit: set`),
  );
  for (const hash of orphans) assert.equal(keyOf(hash)?.deleted, true);
  for (const { hash } of [...strangers, { hash: whole }]) assert.equal(keyOf(hash)?.deleted, false);
  assert.equal(keyOf(limited)?.limit, "2.5");
  assert.equal(keyOf(freed)?.limit, null);
  assert.equal(keyOf(budgeted)?.limit, "3");
  const [noted] = await sql`
    select applied_credit_limit, applied_credit_limit_reset from public.user_api_keys
    where did = 'did:key:zLimited'`;
  assert.deepEqual({ ...noted }, {
    applied_credit_limit: "2.5",
    applied_credit_limit_reset: "weekly",
  });

  const again = await reconcile(["--apply"]);
  assert.equal(again.code, 0);
  assert.deepEqual(again.lines.slice(-2), [
    "6 keys at OpenRouter: 0 orphans, 0 in progress, 3 missing, 0 with another limit",
    "nothing to do",
  ]);
});

Deno.test("a limit that OpenRouter has in credits is set once, whatever a credit costs", async () => {
  const limits = ["0.01", "2", "10.5", "7.25", "123456.78"];
  const hashes = await Promise.all(limits.map((_, n) => createKey(`did:key:zCredits${n}`)));
  for (const [n, creditLimit] of limits.entries()) {
    const did = `did:key:zCredits${n}`;
    await createAccount(did, hashes[n]!, { creditLimit, creditLimitReset: "monthly" });
  }
  for (const usdPerCredit of ["1.055", "3", "0.9"]) {
    const env = { OPENROUTER_USD_PER_CREDIT: usdPerCredit };
    const applied = await reconcile(["--apply"], env);
    assert.equal(applied.lines.filter((line) => line.endsWith(": set")).length, limits.length);
    const again = await reconcile([], env);
    assert.deepEqual([again.code, again.lines.at(-1)], [0, "nothing to do"], usdPerCredit);
  }
  await sql`
    update public.user_api_keys set credit_limit = credit_limit + 0.000001
    where did = 'did:key:zCredits4'`;
  const changed = await reconcile([], { OPENROUTER_USD_PER_CREDIT: "0.9" });
  assert.match(changed.lines[0]!, /^limit: did:key:zCredits4, .* → 123456\.780001 USD monthly$/);
});

Deno.test("a key that may be about to be saved is in progress, and is not deleted", async () => {
  const leased = await createKey("did:key:zLeased");
  await sql`
    insert into public.key_provisioning (did, attempt_id, expires_at)
    values
      ('did:key:zLeased', ${randomUUID()}, clock_timestamp() + interval '1 minute'),
      ('did:key:zExpired', ${randomUUID()}, clock_timestamp() - interval '1 second')`;
  const expired = await createKey("did:key:zExpired");

  const { lines } = await reconcile(["--apply", "--max-orphans", "1"]);
  assert.deepEqual(lines.slice(0, 2), [
    `in progress: did:key:zLeased, key ${leased}`,
    `orphan: did:key:zExpired, key ${expired}: deleted`,
  ]);
  assert.equal(keyOf(leased)?.deleted, false);

  const young = await createKey("did:key:zYoung");
  const now = await reconcile(["--apply"], { OPENROUTER_API_URL: openrouter.url });
  assert.ok(now.lines.includes(`in progress: did:key:zYoung, key ${young}`));
  assert.equal(keyOf(young)?.deleted, false);
});

Deno.test("an orphan that is saved before its turn comes is kept", async () => {
  const first = await createKey("did:key:zA");
  const second = await createKey("did:key:zB");
  const inner = createManagement(`${later.url}/api/v1`, MANAGEMENT_KEY, fetch, null);
  const lines: string[] = [];

  const failures = await reconcileKeys(sql, {
    ...inner,
    async deleteKey(hash) {
      await inner.deleteKey(hash);
      await createAccount("did:key:zB", second);
    },
  }, { apply: true, maxOrphans: 2, print: (line) => lines.push(line) });

  assert.deepEqual(failures, []);
  assert.deepEqual(lines.slice(0, 2), [
    `orphan: did:key:zA, key ${first}: deleted`,
    `orphan: did:key:zB, key ${second}: no longer needed`,
  ]);
  assert.equal(keyOf(second)?.deleted, false);
});

Deno.test("commands read instants rightly, whatever the role's style of dates is", async () => {
  await sql`alter role postgres set datestyle = 'SQL, DMY'`;
  try {
    const [row] = await withDatabase(
      stack.databaseUrl,
      (sql) => sql<{ at: Date }[]>`select '2026-02-01 10:00:00+00'::timestamptz as at`,
    );
    assert.equal(row!.at.toJSON(), "2026-02-01T10:00:00.000Z");
  } finally {
    await sql`alter role postgres reset datestyle`;
  }
});

const TOO_MUCH: [database: string, accounts: number, args: string[], doubt: RegExp | null][] = [
  ["is empty", 0, [], /^3 orphans are more than the 0 keys that .* --apply --max-orphans 3$/],
  ["knows fewer keys than not", 2, [], /^3 orphans are more than the 2 keys that/],
  ["knows as many as not", 3, [], null],
  [
    "knows more than may be deleted",
    3,
    ["--max-orphans", "2"],
    /^3 orphans are more than --max-orphans 2$/,
  ],
  ["is empty, as its operator knows", 0, ["--max-orphans", "3"], null],
];
for (const [database, accounts, args, doubt] of TOO_MUCH) {
  Deno.test(`where the database ${database}, 3 orphans are ${doubt ? "kept" : "deleted"}`, async () => {
    const orphans = [];
    for (const name of ["A", "B", "C"]) orphans.push(await createKey(`did:key:z${name}`));
    for (let n = 0; n < accounts; n++) {
      await createAccount(`did:key:zOwn${n}`, await createKey(`did:key:zOwn${n}`, DAILY));
    }
    const maxOrphans = args.length > 0 ? Number(args[1]) : null;
    const inner = createManagement(`${later.url}/api/v1`, MANAGEMENT_KEY, fetch, null);
    const run = async (apply: boolean) => {
      const lines: string[] = [];
      const print = (line: string) => lines.push(line);
      return { lines, failures: await reconcileKeys(sql, inner, { apply, maxOrphans, print }) };
    };

    const shown = await run(false);
    assert.deepEqual(shown.failures, []);
    const applied = await run(true);
    const [failure = "", ...more] = applied.failures;
    assert.deepEqual(more, []);
    if (doubt === null) {
      assert.equal(failure, "");
      for (const hash of orphans) assert.equal(keyOf(hash)?.deleted, true);
      return;
    }
    assert.match(shown.lines.at(-1)!, doubt);
    assert.match(failure.replace(/^nothing was changed: /, ""), doubt);
    assert.ok(openrouter.ledger().keys.every(({ deleted }) => !deleted));
    // Nor are limits set, of which each account's key has another.
    assert.deepEqual(
      new Set(openrouter.ledger().keys.map(({ limit }) => limit)),
      new Set(accounts > 0 ? [null, "1"] : [null]),
    );
  });
}

Deno.test("reconcile keys with too many orphans ends with 1, and takes no count that is none", async () => {
  const orphan = await createKey("did:key:zNobody");
  const { code, lines, stderr } = await reconcile(["--apply"]);
  assert.equal(code, 1);
  assert.deepEqual(lines, [
    `orphan: did:key:zNobody, key ${orphan}`,
    "1 keys at OpenRouter: 1 orphans, 0 in progress, 0 missing, 0 with another limit",
  ]);
  assert.match(stderr, /^error: nothing was changed: 1 orphans .* --apply --max-orphans 1\n$/);
  assert.equal(keyOf(orphan)?.deleted, false);
  assert.equal((await reconcile(["--apply", "--max-orphans", "all"])).code, 2);
});

Deno.test("OpenRouter's bad moments are waited out", async () => {
  const orphan = await createKey("did:key:zNobody");
  const limited = await createKey("did:key:zLimited");
  await createAccount("did:key:zLimited", limited, { creditLimit: "1", creditLimitReset: null });
  openrouter.addFault({ on: "GET /keys", faults: "status:429:0" });
  openrouter.addFault({ on: "DELETE /keys/:hash", faults: "after,status:500:0" });
  openrouter.addFault({ on: "PATCH /keys/:hash", faults: "status:529:0" });

  const { code, stderr } = await reconcile(["--apply"]);

  assert.equal(code, 0, stderr);
  assert.deepEqual(stderr.split("\n").slice(0, -1), [
    "OpenRouter answered 429; waiting 1 s",
    "OpenRouter answered 500; waiting 1 s",
    "OpenRouter answered 529; waiting 1 s",
  ]);
  assert.equal(keyOf(orphan)?.deleted, true);
  assert.equal(keyOf(limited)?.limit, "1");
});

Deno.test("a key that OpenRouter refuses to change fails alone", async () => {
  const orphans = [await createKey("did:key:zA"), await createKey("did:key:zB")];
  openrouter.addFault({ on: "DELETE /keys/:hash", faults: "status:403" });

  const { code, lines, stderr } = await reconcile(["--apply", "--max-orphans", "2"]);

  assert.equal(code, 1);
  assert.deepEqual(lines.slice(0, 2), [
    `orphan: did:key:zA, key ${orphans[0]}: failed`,
    `orphan: did:key:zB, key ${orphans[1]}: deleted`,
  ]);
  assert.equal(
    stderr,
    `error: orphan: did:key:zA, key ${orphans[0]}: ` +
      "OpenRouter answered DELETE /keys with status 403\n",
  );
});

Deno.test("a management key that OpenRouter does not take is one line", async () => {
  const { code, lines, stderr } = await reconcile([], { OPENROUTER_PROVISIONING_KEY: "sk-wrong" });
  assert.equal(code, 1);
  assert.deepEqual(lines, []);
  assert.equal(stderr, "error: OpenRouter answered GET /keys with status 401\n");
});

Deno.test("reconcile keys names everything that it lacks in one line", async () => {
  const { code, stderr } = await reconcile([], {
    DATABASE_URL: "",
    OPENROUTER_PROVISIONING_KEY: "",
  });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^error: DATABASE_URL is not set \([^\n]*\); OPENROUTER_PROVISIONING_KEY is not set\n$/,
  );
});
