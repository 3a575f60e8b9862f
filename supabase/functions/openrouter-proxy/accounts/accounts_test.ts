import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import type { Management } from "../openrouter/management.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { ProvisioningClaim } from "../store/key_provisioning.ts";
import type { Store } from "../store/store.ts";
import type { AccountKey, Admission } from "../store/admission_decision.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import { anAdmissionRequest } from "../testing/admissions.ts";
import { createAccounts } from "./accounts.ts";
import { createKeyVault, VaultError } from "./key_vault.ts";

const DID = "did:key:zTest";
const NOW = Date.parse("2026-11-22T10:00:00Z");
const LIMIT: KeyLimit = { creditLimit: "3", creditLimitReset: "daily" };
const REQUEST = anAdmissionRequest({
  did: DID,
  sharedFeatures: [
    { feature: "openrouter:shell", param: "tools[2].type" },
    { feature: "preset", param: "model" },
    { feature: "preset", param: "preset" },
  ],
  serverTools: [{ name: "fusion", param: "plugins[0]" }],
});

const vault = createKeyVault(crypto.getRandomValues(new Uint8Array(32)), null);

async function oldKey(limit: KeyLimit | null = null, mayWait = false): Promise<AccountKey> {
  const newLimit = limit && { ...limit, mayWait };
  return { encryptedApiKey: await vault.seal(DID, "sk-old"), hash: "old", newLimit };
}

function admittedWith(key: AccountKey | null) {
  return {
    decision: "admitted" as const,
    key,
    requestTime: "2026-11-22T10:00:00Z",
    rate: null,
    remainingUsd: null,
  };
}

interface Script {
  admissions?: Admission[];
  claim?: ProvisioningClaim;
  isAlive?: boolean | ManagementError;
  setLimit?: () => Promise<void>;
  recordKeyLimit?: () => Promise<void>;
  /** Whether some of the DID's calls have ended and are not settled. */
  hasEndedCalls?: boolean;
}

/** Accounts among fakes that note every call. */
function scripted(
  { admissions = [], claim, isAlive = false, setLimit, recordKeyLimit, hasEndedCalls = false }:
    Script,
) {
  const calls: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const slept: number[] = [];
  let passedMs = 0;
  const noted = <T>(call: string, result: T) => {
    calls.push(call);
    return Promise.resolve(result);
  };
  const store: Partial<Store> = {
    admit: (request) => {
      assert.equal(request, REQUEST);
      return noted("admit", admissions.shift()!);
    },
    claimProvisioning: (_did, _attempt, broken) =>
      noted(
        `claim ${broken}`,
        claim ?? { state: "claimed", limit: LIMIT, orphansSince: null, isAlerted: false },
      ),
    completeProvisioning: (key) => noted(`save ${key.hash}`, true),
    recordKeyLimit: async (_did, hash, limit) => {
      await noted(`record ${hash} ${limit.creditLimit} ${limit.creditLimitReset}`, null);
      await recordKeyLimit?.();
    },
  };
  const management: Partial<Management> = {
    createKey: () => noted("create", { hash: "new", key: "sk-new" }),
    isAlive: async (hash, at) => {
      await noted(`alive? ${hash}${at === NOW ? "" : ` at ${at}`}`, null);
      if (isAlive instanceof ManagementError) throw isAlive;
      return isAlive;
    },
    deleteKey: (hash) => noted(`delete ${hash}`, undefined),
    setLimit: async (hash, limit) => {
      await noted(`limit ${hash} ${limit.creditLimit} ${limit.creditLimitReset}`, null);
      await setLimit?.();
    },
  };
  const accounts = createAccounts({
    store: store as Store,
    management: management as Management,
    vault,
    guardrailId: null,
    endedCallsOf(did) {
      assert.equal(did, DID);
      // As it is before the admission is asked for.
      const before = calls.length;
      return !hasEndedCalls ? null : {
        async areSettled() {
          assert.equal(calls[before], "admit");
          // What is not waited for comes after what follows.
          await null;
          calls.push("wait");
        },
      };
    },
    now: () => NOW + passedMs,
    async sleep(ms) {
      slept.push(ms);
      // Longer than what is answered at once, and without a timer that outlives its test.
      for (let turns = 0; turns < 100; turns++) await null;
    },
    onAlert: () => calls.push("alert"),
    log: (event) => logged.push(event),
  });
  return { accounts, calls, logged, slept, passTime: (ms: number) => passedMs += ms };
}

async function refusalOf(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(() => assert.fail("it was not refused"), (error) => error);
  assert.ok(error instanceof GatewayError, String(error));
  return error;
}

Deno.test("a known DID is admitted in one round trip", async () => {
  const admission = admittedWith(await oldKey());
  const { accounts, calls } = scripted({ admissions: [admission] });
  assert.equal(await accounts.admit(REQUEST), admission);
  assert.deepEqual(calls, ["admit"]);
});

const TOO_MANY: Admission = {
  decision: "rate_limited",
  scope: "did",
  what: "concurrent",
  limit: 1,
  remaining: 0,
  resetMs: 1_000,
  retryAfterMs: 1_000,
};

const AMOUNTS = { limitUsd: "2", spentUsd: "1.9", reservedUsd: "0.1", estimateUsd: "0.5" };
const EXCEEDED: Admission = {
  decision: "budget_exceeded",
  scope: "did",
  period: "day",
  ...AMOUNTS,
  resetsAt: "2026-11-23T00:00:00Z",
  alerted: false,
};

/** What the end of another call may change, and what it may not, as errors. */
const BESIDE_ENDED: [what: string, refusal: Admission, error: string, endsMayChangeIt: boolean][] =
  [
    ["for calls at a time", TOO_MANY, "rate_limited", true],
    ["by a budget", EXCEEDED, "budget_exceeded", true],
    ["as a duplicate", { decision: "duplicate", duplicateOf: "x" }, "duplicate_request", true],
    ["for what it looks for", { decision: "not_owned" }, "not_found", true],
    ["by a budget that is spent", { ...EXCEEDED, reservedUsd: "0" }, "budget_exceeded", false],
    ["by a rate", { ...TOO_MANY, what: "requests" }, "rate_limited", false],
    ["as replayed", { decision: "replayed" }, "replayed_request", false],
    ["for its token", { decision: "token_revoked" }, "invalid_token", false],
  ];

for (const [what, refusal, type, endsMayChangeIt] of BESIDE_ENDED) {
  if (endsMayChangeIt) {
    Deno.test(`a call that is refused ${what}, beside some that are being settled, is asked for again after that`, async () => {
      const admission = admittedWith(await oldKey());
      const { accounts, calls } = scripted({
        admissions: [refusal, admission],
        hasEndedCalls: true,
      });
      assert.equal(await accounts.admit(REQUEST), admission);
      assert.deepEqual(calls, ["admit", "wait", "admit"]);
    });

    Deno.test(`once: another refusal ${what} is one`, async () => {
      const { accounts, calls } = scripted({ admissions: [refusal, refusal], hasEndedCalls: true });
      assert.equal((await refusalOf(accounts.admit(REQUEST))).type, type);
      assert.deepEqual(calls, ["admit", "wait", "admit"]);
    });
  }

  Deno.test(`a call is refused ${what} ${endsMayChangeIt ? "where none has ended" : "whatever has ended"}`, async () => {
    const { accounts, calls } = scripted({
      admissions: [refusal],
      hasEndedCalls: !endsMayChangeIt,
    });
    assert.equal((await refusalOf(accounts.admit(REQUEST))).type, type);
    assert.deepEqual(calls, ["admit"]);
  });
}

Deno.test("an alert that the first of two admissions brings about is delivered", async () => {
  for (const then of [admittedWith(await oldKey()), EXCEEDED]) {
    const { accounts, calls } = scripted({
      admissions: [{ ...EXCEEDED, alerted: true }, then],
      hasEndedCalls: true,
    });
    await accounts.admit(REQUEST).catch(() => {});
    assert.deepEqual(calls, ["admit", "alert", "wait", "admit"]);
  }
});

for (const alerted of [true, false]) {
  Deno.test(`a budget without room ${alerted ? "brings an alert about" : "tells nobody again"}`, async () => {
    const { accounts, calls } = scripted({
      admissions: [{ ...EXCEEDED, alerted }],
    });
    assert.equal((await refusalOf(accounts.admit(REQUEST))).type, "budget_exceeded");
    assert.deepEqual(calls, alerted ? ["admit", "alert"] : ["admit"]);
  });
}

Deno.test("a new DID is admitted once its key is there", async () => {
  const admission = admittedWith(await oldKey());
  const { accounts, calls } = scripted({
    admissions: [{ decision: "needs_provisioning" }, admission],
  });
  assert.equal(await accounts.admit(REQUEST), admission);
  assert.deepEqual(calls, ["admit", "claim null", "create", "save new", "admit"]);
});

Deno.test("a DID without a key that is admitted even so gets none", async () => {
  const admission = admittedWith(null);
  const { accounts, calls } = scripted({ admissions: [admission] });
  assert.equal(await accounts.admit(REQUEST), admission);
  assert.deepEqual(calls, ["admit"]);
});

Deno.test("a new DID that is refused after all has a key, and the refusal", async () => {
  const { accounts } = scripted({
    admissions: [{ decision: "needs_provisioning" }, { decision: "replayed" }],
  });
  assert.equal((await refusalOf(accounts.admit(REQUEST))).type, "replayed_request");
});

const REFUSALS: [
  Exclude<Admission, { decision: "admitted" }>,
  type: string,
  status: number,
  details: Record<string, unknown>,
][] = [
  [{ decision: "access_denied", why: "blocked" }, "access_denied", 403, {}],
  [{ decision: "access_denied", why: "not_allowed" }, "access_denied", 403, {}],
  [{ decision: "model_not_allowed", model: "a/b", why: null }, "model_not_allowed", 403, {
    param: "model",
    model: "a/b",
  }],
  [
    { decision: "model_not_allowed", model: null, why: "~a/b-latest is an alias" },
    "model_not_allowed",
    403,
    {},
  ],
  [{ decision: "feature_not_allowed", feature: "fusion" }, "feature_not_allowed", 403, {
    param: "plugins[0]",
  }],
  [{ decision: "token_revoked" }, "invalid_token", 401, {}],
  [{ decision: "not_owned" }, "not_found", 404, {}],
  [{ decision: "duplicate", duplicateOf: "first" }, "duplicate_request", 409, {
    duplicate_of: "first",
  }],
  [{ decision: "replayed" }, "replayed_request", 401, {}],
  // The first member of the body that asks for it.
  [{ decision: "feature_not_allowed", feature: "preset" }, "feature_not_allowed", 403, {
    param: "model",
  }],
];

for (const [admission, type, status, details] of REFUSALS) {
  Deno.test(`the decision ${admission.decision} is ${status} ${type}`, async () => {
    const { accounts, calls } = scripted({ admissions: [admission] });
    const refusal = await refusalOf(accounts.admit(REQUEST));
    assert.equal(refusal.type, type);
    assert.equal(refusal.status, status);
    assert.deepEqual(refusal.details, details);
    assert.deepEqual(calls, ["admit"]);
  });
}

Deno.test("an account that vanishes while its request is served is 503 with Retry-After", async () => {
  const { accounts } = scripted({
    admissions: [{ decision: "needs_provisioning" }, { decision: "needs_provisioning" }],
  });
  const refusal = await refusalOf(accounts.admit(REQUEST));
  assert.equal(refusal.type, "provisioning_in_progress");
  assert.deepEqual(refusal.headers, { "retry-after": "1" });
});

Deno.test("a key whose limit OpenRouter knows is opened without a call", async () => {
  const { accounts, calls } = scripted({});
  assert.equal(await accounts.openKey(DID, await oldKey()), "sk-old");
  assert.deepEqual(calls, []);
});

Deno.test("a changed limit is set and noted before the key is opened", async () => {
  const { accounts, calls } = scripted({});
  assert.equal(await accounts.openKey(DID, await oldKey(LIMIT)), "sk-old");
  assert.deepEqual(calls, ["limit old 3 daily", "record old 3 daily"]);
});

Deno.test("calls that come at once tell a changed limit once", async () => {
  const { accounts, calls } = scripted({});
  const key = await oldKey(LIMIT);
  const opened = await Promise.all([1, 2, 3].map(() => accounts.openKey(DID, key)));
  assert.deepEqual(opened, ["sk-old", "sk-old", "sk-old"]);
  assert.deepEqual(calls, ["limit old 3 daily", "record old 3 daily"]);
  await accounts.openKey(DID, key);
  assert.equal(calls.length, 4, "but each time that it is told to");
});

Deno.test("a limit of a key that is gone is not noted: using the key replaces it", async () => {
  const { accounts, calls } = scripted({
    setLimit: () => Promise.reject(new ManagementError("gone", 404)),
  });
  assert.equal(await accounts.openKey(DID, await oldKey(LIMIT)), "sk-old");
  assert.deepEqual(calls, ["limit old 3 daily"]);
});

for (
  const [status, retryAfter] of [[400, null], [401, null], [429, "7"], [500, null], [
    null,
    null,
  ]] as const
) {
  Deno.test(`the key stays shut when OpenRouter answers ${status ?? "nothing"} to its limit`, async () => {
    const { accounts, calls } = scripted({
      setLimit: () => Promise.reject(new ManagementError("no", status, retryAfter)),
    });
    const refusal = await refusalOf(accounts.openKey(DID, await oldKey(LIMIT)));
    assert.equal(refusal.type, "provisioning_failed");
    assert.equal(
      refusal.message,
      "the DID's new credit limit could not be set at OpenRouter; try again",
    );
    assert.deepEqual(refusal.headers, retryAfter === null ? {} : { "retry-after": retryAfter });
    assert.deepEqual(calls, ["limit old 3 daily"]);
  });
}

Deno.test("a limit that may wait keeps no key shut, and is told again in half a minute", async () => {
  const { accounts, calls, logged, passTime } = scripted({
    setLimit: () => Promise.reject(new ManagementError("OpenRouter is busy", 429, "7")),
  });
  const key = await oldKey(LIMIT, true);
  for (let n = 0; n < 3; n++) assert.equal(await accounts.openKey(DID, key), "sk-old");
  assert.deepEqual(calls, ["limit old 3 daily"]);
  passTime(29_999);
  await accounts.openKey(DID, key);
  assert.equal(calls.length, 1);
  passTime(1);
  await accounts.openKey(DID, key);
  assert.equal(calls.length, 2);
  const line = { level: "warn", event: "key_limit_deferred", did: DID, key_hash: "old" };
  const cause = "OpenRouter is busy";
  assert.deepEqual(logged, [{ ...line, cause }, { ...line, cause }]);
  // One that may not wait is told all the same.
  await refusalOf(accounts.openKey(DID, await oldKey(LIMIT)));
  assert.equal(calls.length, 3);
  // A clock that was set back makes it wait no longer.
  passTime(-3_600_000);
  await accounts.openKey(DID, key);
  assert.equal(calls.length, 4);
});

Deno.test("a limit that may wait keeps a key shut for a second where OpenRouter does not answer", async () => {
  const answer = Promise.withResolvers<void>();
  const { accounts, calls, logged, slept, passTime } = scripted({ setLimit: () => answer.promise });
  const key = await oldKey(LIMIT, true);
  assert.equal(await accounts.openKey(DID, key), "sk-old");
  assert.deepEqual([slept, calls], [[1_000], ["limit old 3 daily"]]);
  passTime(29_999);
  await accounts.openKey(DID, key);
  assert.deepEqual(slept, [1_000]);
  answer.reject(new ManagementError("OpenRouter did not answer", null));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(logged.map(({ cause }) => cause), ["OpenRouter did not answer"]);
  // It is left alone from then on.
  passTime(29_999);
  await accounts.openKey(DID, key);
  passTime(1);
  await accounts.openKey(DID, key);
  assert.equal(calls.length, 2);
});

Deno.test("a limit that OpenRouter takes late is noted all the same, and the next one told", async () => {
  const answer = Promise.withResolvers<void>();
  const { accounts, calls } = scripted({ setLimit: () => answer.promise });
  const key = await oldKey(LIMIT, true);
  await accounts.openKey(DID, key);
  answer.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  const told = ["limit old 3 daily", "record old 3 daily"];
  assert.deepEqual(calls, told);
  await accounts.openKey(DID, key);
  assert.deepEqual(calls, [...told, ...told]);
});

Deno.test("a limit that may wait is told and noted as any other where OpenRouter takes it", async () => {
  const { accounts, calls } = scripted({});
  assert.equal(await accounts.openKey(DID, await oldKey(LIMIT, true)), "sk-old");
  const told = ["limit old 3 daily", "record old 3 daily"];
  assert.deepEqual(calls, told);
  // So is the next one, at once.
  assert.equal(await accounts.openKey(DID, await oldKey(LIMIT, true)), "sk-old");
  assert.deepEqual(calls, [...told, ...told]);
});

for (const mayWait of [false, true]) {
  Deno.test(`a limit that Postgres does not note is told as that where it may ${mayWait ? "" : "not "}wait`, async () => {
    const { accounts, calls, logged } = scripted({
      recordKeyLimit: () => Promise.reject(new GatewayError("store_unavailable", "down")),
    });
    for (const made of [2, 4]) {
      const refusal = await refusalOf(accounts.openKey(DID, await oldKey(LIMIT, mayWait)));
      assert.deepEqual([refusal.type, calls.length, logged], ["store_unavailable", made, []]);
    }
  });
}

Deno.test("each of the limits that come at once is told", async () => {
  const { accounts, calls } = scripted({});
  const limits: KeyLimit[] = [
    LIMIT,
    { ...LIMIT, creditLimitReset: "weekly" },
    { ...LIMIT, creditLimit: "4" },
  ];
  const keys = await Promise.all(limits.map((limit) => oldKey(limit)));
  await Promise.all(keys.map((key) => accounts.openKey(DID, key)));
  assert.deepEqual(calls.filter((call) => call.startsWith("limit")), [
    "limit old 3 daily",
    "limit old 3 weekly",
    "limit old 4 daily",
  ]);
});

Deno.test("another DID's envelope does not open", async () => {
  const { accounts } = scripted({});
  await assert.rejects(accounts.openKey("did:key:zOther", await oldKey()), VaultError);
});

Deno.test("a key that OpenRouter refuses is replaced by a new one", async () => {
  const { accounts, calls } = scripted({});
  assert.equal(await accounts.replaceKey(DID, await oldKey()), "sk-new");
  assert.deepEqual(calls, ["alive? old", "claim old", "delete old", "create", "save new"]);
});

Deno.test("calls that come at once have their refused key looked at and replaced once", async () => {
  const { accounts, calls } = scripted({});
  const key = await oldKey();
  const others = await Promise.all([1, 2, 3].map(() => accounts.replaceKey(DID, key)));
  assert.deepEqual(others, ["sk-new", "sk-new", "sk-new"]);
  assert.deepEqual(calls, ["alive? old", "claim old", "delete old", "create", "save new"]);
  await accounts.replaceKey(DID, key);
  assert.equal(calls.length, 10, "but again when it is refused again");
});

Deno.test("a key that somebody else has replaced is taken", async () => {
  const encryptedApiKey = await vault.seal(DID, "sk-theirs");
  const { accounts, calls } = scripted({ claim: { state: "provisioned", encryptedApiKey } });
  assert.equal(await accounts.replaceKey(DID, await oldKey()), "sk-theirs");
  assert.deepEqual(calls, ["alive? old", "claim old"]);
});

Deno.test("a disabled DID's key is not replaced", async () => {
  const { accounts, calls } = scripted({ claim: { state: "disabled" } });
  const refusal = await refusalOf(accounts.replaceKey(DID, await oldKey()));
  assert.equal(refusal.type, "access_denied");
  assert.deepEqual(calls, ["alive? old", "claim old"]);
});

Deno.test("a key that OpenRouter refuses but has is not replaced: that would lift its limit", async () => {
  const { accounts, calls } = scripted({ isAlive: true });
  assert.equal(await accounts.replaceKey(DID, await oldKey()), null);
  assert.deepEqual(calls, ["alive? old"]);
});

Deno.test("a refused key is not replaced while OpenRouter does not say whether it has it", async () => {
  const { accounts, calls } = scripted({ isAlive: new ManagementError("busy", 429, "7") });
  const refusal = await refusalOf(accounts.replaceKey(DID, await oldKey()));
  assert.deepEqual([refusal.type, refusal.headers, refusal.message], [
    "provisioning_failed",
    { "retry-after": "7" },
    "OpenRouter refused the DID's key; try again",
  ]);
  assert.deepEqual(calls, ["alive? old"]);
});
