import assert from "node:assert/strict";
import { ManagementError } from "../openrouter/management_call.ts";
import {
  CREATE,
  DID,
  ENVELOPE,
  LIMIT,
  listedKey,
  refusalOf,
  scripted,
} from "../testing/provisioning.ts";

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
