import assert from "node:assert/strict";
import { didOfKeyName, keyNamePrefix } from "./provision.ts";
import {
  CREATE,
  DID,
  ENVELOPE,
  LIMIT,
  listedKey,
  refusalOf,
  scripted,
} from "../testing/provisioning.ts";

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

Deno.test("a broken key is deleted before its successor is created", async () => {
  const { provision, calls } = scripted({});
  await provision(DID, "broken");
  assert.deepEqual(calls, [`claim ${DID} broken`, "delete broken", CREATE, "save new"]);
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
      listedKey("old", `llm-gateway:${DID}#66666666`, "2026-11-22T09:49:59.999Z"),
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

Deno.test("a key's name begins with its DID, whatever follows", () => {
  assert.equal(keyNamePrefix(DID), `llm-gateway:${DID}#`);
  for (const rest of ["", "1a2b3c4d", "by#hand"]) {
    assert.equal(didOfKeyName(`llm-gateway:${DID}#${rest}`), DID);
  }
  for (const other of [`llm-gateway:${DID}`, `my llm-gateway:${DID}#1`, "llm-gateway:#1", DID]) {
    assert.equal(didOfKeyName(other), null, other);
  }
});
