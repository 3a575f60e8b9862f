import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import type { ListedKey } from "../openrouter/key_list.ts";
import type { CreatedKey } from "../openrouter/keys.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { ProvisionedKey, ProvisioningClaim } from "../store/key_provisioning.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import { createProvisioner, didOfKeyName, keyNamePrefix } from "./provision.ts";

const DID = "did:key:zTest";
const LIMIT: KeyLimit = { creditLimit: "10.5", creditLimitReset: "monthly" };
const CLAIMED: ProvisioningClaim = {
  state: "claimed",
  limit: LIMIT,
  orphansSince: null,
  isAlerted: false,
};
const IN_PROGRESS: ProvisioningClaim = { state: "in_progress" };
const PLAINTEXT = "sk-or-v1-plaintext";
const START_MS = Date.parse("2026-11-22T10:00:00Z");

const storeDown = () => new GatewayError("store_unavailable", "the database is down");

interface Script {
  /** Answers of claimProvisioning, in order; the last one again and again. */
  claims?: (ProvisioningClaim | Error)[];
  /** Answers of completeProvisioning, in order; true after them. */
  saves?: (boolean | Error)[];
  create?: () => Promise<CreatedKey>;
  /** None unless it is given. */
  guardrailId?: string;
  assign?: () => Promise<void>;
  listed?: ListedKey[];
  /** What deleteKey throws, by hash. */
  undeletable?: Record<string, Error>;
  release?: () => Promise<void>;
}

/** A provisioner among fakes that note every call, with a clock that only sleeping moves. */
function scripted(script: Script) {
  const calls: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const saved: ProvisionedKey[] = [];
  const attempts: string[] = [];
  let clockMs = START_MS;
  const claims = [...script.claims ?? [CLAIMED]];
  const saves = [...script.saves ?? []];

  function result<T>(value: T | Error): Promise<T> {
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value);
  }

  const provision = createProvisioner({
    store: {
      claimProvisioning(did, attemptId, brokenKeyHash) {
        calls.push(`claim ${did} ${brokenKeyHash}`);
        attempts.push(attemptId);
        return result(claims.length > 1 ? claims.shift()! : claims[0]!);
      },
      completeProvisioning(key) {
        calls.push(`save ${key.hash}`);
        saved.push(key);
        return result(saves.shift() ?? true);
      },
      releaseProvisioning(did, attemptId, orphanPossible) {
        assert.ok(attempts.includes(attemptId));
        calls.push(`release ${did} ${orphanPossible ? "orphan possible" : "clean"}`);
        return script.release?.() ?? Promise.resolve();
      },
    },
    management: {
      createKey(name, limit) {
        calls.push(`create ${name.replace(/#[0-9a-f]{8}$/, "#…")} ${JSON.stringify(limit)}`);
        return script.create?.() ?? Promise.resolve({ hash: "new", key: PLAINTEXT });
      },
      assignGuardrail(guardrailId, hash) {
        calls.push(`guard ${hash} by ${guardrailId}`);
        return script.assign?.() ?? Promise.resolve();
      },
      deleteKey(hash) {
        calls.push(`delete ${hash}`);
        const error = script.undeletable?.[hash];
        return error ? Promise.reject(error) : Promise.resolve();
      },
      async *listKeys() {
        calls.push("list");
        yield* await Promise.resolve(script.listed ?? []);
      },
    },
    vault: { seal: (did, plaintext) => Promise.resolve(`sealed(${did},${plaintext.length})`) },
    guardrailId: script.guardrailId ?? null,
    now: () => clockMs,
    sleep(ms) {
      calls.push(`sleep ${ms}`);
      clockMs += ms;
      return Promise.resolve();
    },
    onAlert: () => calls.push("alert"),
    log: (event) => logged.push(event),
  });
  return { provision, calls, logged, saved, attempts, elapsedMs: () => clockMs - START_MS };
}

const CREATE = `create llm-gateway:${DID}#… ${JSON.stringify(LIMIT)}`;
const ENVELOPE = `sealed(${DID},${PLAINTEXT.length})`;

async function refusalOf(provisioning: Promise<string>): Promise<GatewayError> {
  const error = await provisioning.then(
    () => assert.fail("a key was provisioned"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof GatewayError, String(error));
  assert.ok(!error.message.includes(PLAINTEXT));
  return error;
}

function listedKey(hash: string, name: string, created_at: string): ListedKey {
  return { hash, name, created_at, disabled: false, limit: null, limit_reset: null };
}

Deno.test("a claimed DID gets a key with its limit, saved sealed under the attempt that claimed", async () => {
  const { provision, calls, saved, attempts, logged } = scripted({});

  assert.equal(await provision(DID, null), ENVELOPE);

  assert.deepEqual(calls, [`claim ${DID} null`, CREATE, "save new"]);
  const [key] = saved;
  const attemptId = attempts[0]!;
  assert.deepEqual(key, {
    did: DID,
    attemptId,
    hash: "new",
    encryptedApiKey: ENVELOPE,
    name: `llm-gateway:${DID}#${attemptId.slice(0, 8)}`,
    limit: LIMIT,
  });
  assert.deepEqual(logged, []);
});

Deno.test("a DID that has a key by now gets that one", async () => {
  const { provision, calls } = scripted({
    claims: [{ state: "provisioned", encryptedApiKey: "there" }],
  });
  assert.equal(await provision(DID, null), "there");
  assert.deepEqual(calls, [`claim ${DID} null`]);
});

Deno.test("a disabled DID is refused and nothing is created", async () => {
  const { provision, calls } = scripted({ claims: [{ state: "disabled" }] });
  assert.equal((await refusalOf(provision(DID, "broken"))).type, "access_denied");
  assert.deepEqual(calls, [`claim ${DID} broken`]);
});

Deno.test("who does not get the lease asks again, ever more rarely, until the key is there", async () => {
  const { provision, calls, attempts } = scripted({
    claims: [
      ...Array.from({ length: 7 }, () => IN_PROGRESS),
      { state: "provisioned", encryptedApiKey: "there" },
    ],
  });
  assert.equal(await provision(DID, null), "there");
  assert.deepEqual(
    calls.filter((call) => call.startsWith("sleep")),
    [50, 100, 200, 400, 800, 1000, 1000].map((ms) => `sleep ${ms}`),
  );
  assert.equal(new Set(attempts).size, 1);
});

Deno.test("who waits takes over a lease that ends without a key", async () => {
  const { provision, calls } = scripted({ claims: [IN_PROGRESS, IN_PROGRESS, CLAIMED] });
  assert.equal(await provision(DID, null), ENVELOPE);
  assert.deepEqual(calls.slice(-2), [CREATE, "save new"]);
});

Deno.test("after ten seconds of waiting the client is asked to come again", async () => {
  const { provision, calls, elapsedMs } = scripted({ claims: [IN_PROGRESS] });

  const refusal = await refusalOf(provision(DID, null));

  assert.equal(refusal.type, "provisioning_in_progress");
  assert.equal(refusal.status, 503);
  assert.deepEqual(refusal.headers, { "retry-after": "2" });
  assert.ok(elapsedMs() > 9_000 && elapsedMs() <= 10_000, `${elapsedMs()}`);
  assert.ok(calls.every((call) => /^(claim|sleep)/.test(call)));
});

Deno.test("requests for one DID wait together, and one later asks anew", async () => {
  const creating = Promise.withResolvers<CreatedKey>();
  const { provision, calls } = scripted({ create: () => creating.promise });
  const waiting = [provision(DID, null), provision(DID, null), provision(DID, null)];
  const other = provision("did:key:zOther", null);
  creating.resolve({ hash: "new", key: PLAINTEXT });

  assert.deepEqual(await Promise.all(waiting), [ENVELOPE, ENVELOPE, ENVELOPE]);
  await other;
  assert.equal(calls.filter((call) => call.startsWith(`claim ${DID}`)).length, 1);
  assert.equal(calls.filter((call) => call.startsWith("claim did:key:zOther")).length, 1);

  await provision(DID, null);
  assert.equal(calls.filter((call) => call.startsWith(`claim ${DID}`)).length, 2);
});

Deno.test("a failure is shared by those who wait, and forgotten after", async () => {
  let failures = 1;
  const { provision } = scripted({
    create: () =>
      failures-- > 0
        ? Promise.reject(new ManagementError("no", 500))
        : Promise.resolve({ hash: "new", key: PLAINTEXT }),
  });
  const waiting = await Promise.allSettled([provision(DID, null), provision(DID, null)]);
  assert.deepEqual(waiting.map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(await provision(DID, null), ENVELOPE);
});

Deno.test("a broken key is deleted before its successor is created", async () => {
  const { provision, calls } = scripted({});
  await provision(DID, "broken");
  assert.deepEqual(calls, [`claim ${DID} broken`, "delete broken", CREATE, "save new"]);
});

Deno.test("no successor is created while the broken key cannot be deleted", async () => {
  const { provision, calls } = scripted({
    undeletable: { broken: new ManagementError("no", 403) },
  });
  assert.equal((await refusalOf(provision(DID, "broken"))).type, "provisioning_failed");
  assert.deepEqual(calls, [`claim ${DID} broken`, "delete broken", `release ${DID} clean`]);
});

Deno.test("orphans that may be there are not forgotten while the broken key cannot be deleted", async () => {
  const { provision, calls } = scripted({
    claims: [{ ...CLAIMED, orphansSince: new Date("2026-11-22T10:00:00Z") }],
    undeletable: { broken: new ManagementError("no", 500) },
  });
  await refusalOf(provision(DID, "broken"));
  assert.deepEqual(calls.slice(-2), ["delete broken", `release ${DID} orphan possible`]);
});

Deno.test("what earlier attempts left is deleted: this DID's keys since the first one, less ten minutes", async () => {
  const orphansSince = new Date("2026-11-22T10:00:00Z");
  const { provision, calls, logged } = scripted({
    claims: [{ state: "claimed", limit: LIMIT, orphansSince, isAlerted: false }],
    listed: [
      listedKey("young", `llm-gateway:${DID}#11111111`, "2026-11-22T10:00:30Z"),
      listedKey("stranger", "llm-gateway:did:key:zOther#22222222", "2026-11-22T10:00:20Z"),
      listedKey("longer", `llm-gateway:${DID}x#33333333`, "2026-11-22T10:00:10Z"),
      listedKey("human", `notes on llm-gateway:${DID}#4`, "2026-11-22T10:00:05Z"),
      listedKey("skewed", `llm-gateway:${DID}#55555555`, "2026-11-22T09:50:00Z"),
      listedKey("old", `llm-gateway:${DID}#66666666`, "2026-11-22T09:49:59Z"),
      listedKey("beyond", `llm-gateway:${DID}#77777777`, "2026-11-22T10:00:00Z"),
    ],
  });

  await provision(DID, null);

  assert.deepEqual(calls, [
    `claim ${DID} null`,
    "list",
    "delete young",
    "delete skewed",
    CREATE,
    "save new",
  ]);
  assert.deepEqual(
    logged,
    ["young", "skewed"].map((key_hash) => ({
      level: "warn",
      event: "orphan_key_deleted",
      did: DID,
      key_hash,
    })),
  );
});

Deno.test("no key is created while an orphan cannot be deleted, and the next attempt looks again", async () => {
  const orphansSince = new Date("2026-11-22T10:00:00Z");
  const { provision, calls } = scripted({
    claims: [{ state: "claimed", limit: LIMIT, orphansSince, isAlerted: false }],
    listed: [listedKey("orphan", `llm-gateway:${DID}#1`, "2026-11-22T10:00:30Z")],
    undeletable: { orphan: new ManagementError("no", 403) },
  });
  assert.equal((await refusalOf(provision(DID, null))).type, "provisioning_failed");
  assert.deepEqual(calls, [
    `claim ${DID} null`,
    "list",
    "delete orphan",
    `release ${DID} orphan possible`,
  ]);
});

for (
  const [status, released] of [
    [401, "clean"],
    [402, "clean"],
    [403, "clean"],
    [422, "clean"],
    [429, "clean"],
    [408, "orphan possible"],
    [500, "orphan possible"],
    [502, "orphan possible"],
    [529, "orphan possible"],
    [null, "orphan possible"],
  ] as const
) {
  Deno.test(`OpenRouter's ${status ?? "silence"} instead of a key leaves the lease ${released}`, async () => {
    const { provision, calls } = scripted({
      create: () => Promise.reject(new ManagementError("no", status, status === 429 ? "9" : null)),
    });
    const refusal = await refusalOf(provision(DID, null));
    assert.equal(refusal.type, "provisioning_failed");
    assert.deepEqual(refusal.headers, status === 429 ? { "retry-after": "9" } : {});
    assert.equal(calls.at(-1), `release ${DID} ${released}`);
  });
}

Deno.test("saving is asked again when Postgres did not answer", async () => {
  const { provision, calls } = scripted({ saves: [storeDown(), storeDown(), true] });
  assert.equal(await provision(DID, null), ENVELOPE);
  assert.deepEqual(calls.slice(2), ["save new", "sleep 100", "save new", "sleep 500", "save new"]);
});

Deno.test("a key that cannot be saved is deleted, and Postgres's absence told as that", async () => {
  const { provision, calls } = scripted({ saves: [storeDown(), storeDown(), storeDown()] });
  assert.equal((await refusalOf(provision(DID, null))).type, "store_unavailable");
  assert.deepEqual(calls.slice(-2), ["delete new", `release ${DID} clean`]);
});

Deno.test("a key whose lease was lost before it was saved is deleted, and not saved again", async () => {
  const { provision, calls, logged } = scripted({ saves: [false] });
  assert.equal((await refusalOf(provision(DID, null))).type, "provisioning_failed");
  assert.deepEqual(calls.slice(2), ["save new", "delete new", `release ${DID} clean`]);
  assert.deepEqual(logged, []);
});

Deno.test("a key that can neither be saved nor deleted is left to the next attempt, and to the operator", async () => {
  const { provision, calls, logged } = scripted({
    saves: [false],
    undeletable: { new: new ManagementError("OpenRouter is down", 503) },
  });
  await refusalOf(provision(DID, null));
  assert.equal(calls.at(-1), `release ${DID} orphan possible`);
  assert.deepEqual(logged, [{
    level: "error",
    event: "orphan_key_left",
    did: DID,
    key_hash: "new",
    cause: "OpenRouter is down",
  }]);
});

Deno.test("a key is put under the guardrail before it is saved", async () => {
  const { provision, calls } = scripted({ guardrailId: "g" });
  assert.equal(await provision(DID, null), ENVELOPE);
  assert.deepEqual(calls, [`claim ${DID} null`, CREATE, "guard new by g", "save new"]);
});

Deno.test("a broken key's successor is put under the guardrail as well", async () => {
  const { provision, calls } = scripted({ guardrailId: "g" });
  await provision(DID, "broken");
  assert.deepEqual(calls.slice(1), ["delete broken", CREATE, "guard new by g", "save new"]);
});

for (
  const [status, retryAfter] of [
    [400, null],
    [403, null],
    [404, null],
    [408, null],
    [429, "9"],
    [500, null],
    [503, "30"],
    [null, null],
  ] as const
) {
  for (const brokenKeyHash of [null, "broken"]) {
    Deno.test(`OpenRouter's ${status ?? "silence"} to the guardrail of ${brokenKeyHash === null ? "a first key" : "a successor"} leaves no key`, async () => {
      const cause = new ManagementError("no guardrail", status, retryAfter);
      const { provision, calls, saved } = scripted({
        guardrailId: "g",
        assign: () => Promise.reject(cause),
      });
      const refusal = await refusalOf(provision(DID, brokenKeyHash));
      assert.equal(refusal.type, "provisioning_failed");
      assert.equal(refusal.cause, cause, "the operator's log says what failed");
      assert.deepEqual(refusal.headers, retryAfter === null ? {} : { "retry-after": retryAfter });
      assert.deepEqual(calls.slice(-3), ["guard new by g", "delete new", `release ${DID} clean`]);
      assert.deepEqual(saved, []);
    });
  }
}

Deno.test("an unguarded key that cannot be deleted is deleted by the next attempt, before it makes another", async () => {
  const failing = scripted({
    guardrailId: "g",
    assign: () => Promise.reject(new ManagementError("no", 404)),
    undeletable: { new: new ManagementError("OpenRouter is down", 503) },
  });
  await refusalOf(failing.provision(DID, null));
  assert.equal(failing.calls.at(-1), `release ${DID} orphan possible`);
  assert.deepEqual(failing.logged.map(({ event, key_hash }) => [event, key_hash]), [
    ["orphan_key_left", "new"],
  ]);

  const orphansSince = new Date("2026-11-22T10:00:00Z");
  const next = scripted({
    guardrailId: "g",
    claims: [{ state: "claimed", limit: LIMIT, orphansSince, isAlerted: false }],
    listed: [listedKey("unguarded", `llm-gateway:${DID}#11111111`, "2026-11-22T10:00:30Z")],
  });
  assert.equal(await next.provision(DID, null), ENVELOPE);
  assert.deepEqual(next.calls.slice(1), [
    "list",
    "delete unguarded",
    CREATE,
    "guard new by g",
    "save new",
  ]);
});

Deno.test("a key whose lease was lost while its guardrail was set is deleted, guarded or not", async () => {
  const { provision, calls } = scripted({ guardrailId: "g", saves: [false] });
  assert.equal((await refusalOf(provision(DID, null))).type, "provisioning_failed");
  assert.deepEqual(calls.slice(2), [
    "guard new by g",
    "save new",
    "delete new",
    `release ${DID} clean`,
  ]);
});

Deno.test("nobody gets a key while it is put under the guardrail", async () => {
  const assigning = Promise.withResolvers<void>();
  const { provision, calls } = scripted({ guardrailId: "g", assign: () => assigning.promise });
  let got = 0;
  const waiting = [provision(DID, null), provision(DID, null)];
  for (const envelope of waiting) envelope.then(() => got++);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([calls.at(-1), got], ["guard new by g", 0]);
  assigning.resolve();
  assert.deepEqual(await Promise.all(waiting), [ENVELOPE, ENVELOPE]);
  assert.equal(calls.filter((call) => call === CREATE).length, 1);
});

Deno.test("replacing a broken key does not share the attempt of those who know of none", async () => {
  const { provision, calls } = scripted({});
  await Promise.all([provision(DID, null), provision(DID, "broken"), provision(DID, "broken")]);
  assert.deepEqual(calls.filter((call) => call.startsWith("claim")), [
    `claim ${DID} null`,
    `claim ${DID} broken`,
  ]);
});

Deno.test("a lease that cannot be given back does not hide why creating failed", async () => {
  const { provision } = scripted({
    create: () => Promise.reject(new ManagementError("no", 429, "7")),
    release: () => Promise.reject(storeDown()),
  });
  const refusal = await refusalOf(provision(DID, null));
  assert.equal(refusal.type, "provisioning_failed");
  assert.deepEqual(refusal.headers, { "retry-after": "7" });
});

Deno.test("a claim that Postgres does not take is told as it is", async () => {
  const { provision, calls } = scripted({ claims: [storeDown()] });
  assert.equal((await refusalOf(provision(DID, null))).type, "store_unavailable");
  assert.deepEqual(calls, [`claim ${DID} null`]);
});

Deno.test("the name of a key tells its DID, and other names tell none", () => {
  const did = "did:web:example.com:users:a%20b";
  assert.equal(didOfKeyName(`${keyNamePrefix(did)}0e6f3b1a`), did);
  for (
    const name of ["", did, `llm-gateway:${did}`, `x llm-gateway:${did}#1`, "llm-gateway:u1#1"]
  ) {
    assert.equal(didOfKeyName(name), null);
  }
});

Deno.test("where there is no room for new accounts today, no key is made, and when there will be is told", async () => {
  const { provision, calls } = scripted({
    claims: [{ state: "no_room", why: "day", retryAfterMs: 3_599_001 }],
  });
  const refusal = await refusalOf(provision(DID, null));
  assert.deepEqual([refusal.type, refusal.status], ["access_denied", 403]);
  assert.deepEqual(refusal.headers, { "retry-after": "3600" });
  assert.deepEqual(calls, [`claim ${DID} null`]);
});

Deno.test("where there is none within the minute, the gateway's rate says so", async () => {
  const rate = { limit: 3, remaining: 0, resetMs: 60_000, retryAfterMs: 19_001 };
  const { provision, calls } = scripted({ claims: [{ state: "no_room", why: "minute", ...rate }] });
  const refusal = await refusalOf(provision(DID, null));
  assert.deepEqual([refusal.type, refusal.details.scope], ["rate_limited", "gateway"]);
  assert.deepEqual(refusal.headers, {
    "ratelimit-limit": "3",
    "ratelimit-remaining": "0",
    "ratelimit-reset": "60",
    "retry-after": "20",
  });
  assert.deepEqual(calls, [`claim ${DID} null`]);
});

Deno.test("a claim that brings an alert about has it delivered", async () => {
  const { provision, calls } = scripted({
    claims: [{ state: "claimed", limit: LIMIT, orphansSince: null, isAlerted: true }],
  });
  await provision(DID, null);
  assert.equal(calls[1], "alert");
});
