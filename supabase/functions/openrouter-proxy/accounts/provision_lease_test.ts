import assert from "node:assert/strict";
import type { CreatedKey } from "../openrouter/keys.ts";
import { ManagementError } from "../openrouter/management_call.ts";
import type { ProvisioningClaim } from "../store/key_provisioning.ts";
import {
  CLAIMED,
  CREATE,
  DID,
  ENVELOPE,
  PLAINTEXT,
  refusalOf,
  scripted,
} from "../testing/provisioning.ts";

const IN_PROGRESS: ProvisioningClaim = { state: "in_progress" };

Deno.test("who does not get the lease asks again, ever more rarely, until the key is there", async () => {
  const { provision, calls, attempts } = scripted({
    claims: [
      ...Array.from({ length: 7 }, () => IN_PROGRESS),
      { state: "provisioned", encryptedApiKey: "there" },
    ],
  });
  assert.equal(await provision(DID, null), "there");
  const claim = `claim ${DID} null`;
  assert.deepEqual(
    calls,
    [claim, ...[50, 100, 200, 400, 800, 1000, 1000].flatMap((ms) => [`sleep ${ms}`, claim])],
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
  assert.equal(
    refusal.message,
    "this DID's OpenRouter key is still being created; try again",
  );
  assert.equal(refusal.status, 503);
  assert.deepEqual(refusal.headers, { "retry-after": "2" });
  assert.ok(elapsedMs() > 9_000 && elapsedMs() <= 10_000, `${elapsedMs()}`);
  assert.ok(calls.every((call) => /^(claim|sleep)/.test(call)));
});

Deno.test("the last wait may end after ten seconds to the millisecond, and not later", async () => {
  for (const [firstClaimMs, endedMs] of [[450, 10_000], [451, 9_001]] as const) {
    const { provision, elapsedMs } = scripted({ claims: [IN_PROGRESS], firstClaimMs });
    await refusalOf(provision(DID, null));
    assert.equal(elapsedMs(), endedMs);
  }
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

Deno.test("replacing a broken key does not share the attempt of those who know of none", async () => {
  const { provision, calls } = scripted({});
  await Promise.all([provision(DID, null), provision(DID, "broken"), provision(DID, "broken")]);
  assert.deepEqual(calls.filter((call) => call.startsWith("claim")), [
    `claim ${DID} null`,
    `claim ${DID} broken`,
  ]);
});
