import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import { StoreUnavailable } from "../store/rpc.ts";
import {
  CLAIMED,
  DID,
  ENVELOPE,
  LIMIT,
  listedKey,
  refusalOf,
  scripted,
} from "../testing/provisioning.ts";

const storeDown = () => new GatewayError("store_unavailable", "the database is down");

for (const mayHaveArrived of [true, false]) {
  Deno.test(`a claim that Postgres ${mayHaveArrived ? "may have" : "has not"} taken is ${mayHaveArrived ? "" : "not "}given back`, async () => {
    const gone = new StoreUnavailable("claim_key_provisioning: gone", mayHaveArrived);
    const { provision, calls } = scripted({
      claims: [gone],
      release: () => Promise.reject(storeDown()),
    });
    assert.equal(await refusalOf(provision(DID, null)), gone);
    assert.deepEqual(calls, [
      `claim ${DID} null`,
      ...(mayHaveArrived ? [`release ${DID} orphan possible`] : []),
    ]);
  });
}

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
    assert.equal(
      refusal.message,
      "an OpenRouter key for this DID could not be created; try again",
    );
    assert.deepEqual(refusal.headers, status === 429 ? { "retry-after": "9" } : {});
    assert.equal(calls.at(-1), `release ${DID} ${released}`);
  });
}

Deno.test("a refusal is told once the lease was given back, so that the next attempt need not wait", async () => {
  let isReleased = false;
  const { provision } = scripted({
    create: () => Promise.reject(new ManagementError("no", 500)),
    async release() {
      await new Promise((resolve) => setTimeout(resolve));
      isReleased = true;
    },
  });
  await refusalOf(provision(DID, null));
  assert.ok(isReleased);
});

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
