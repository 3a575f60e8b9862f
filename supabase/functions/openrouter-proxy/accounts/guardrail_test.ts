/** Keys under a guardrail, from the provisioner to the bytes of OpenRouter's management API. */
import assert from "node:assert/strict";
import { createManagement } from "../openrouter/management.ts";
import type { KeyLimit } from "../store/key_limit.ts";
import { fakeFetch, type Sent } from "../testing/fake_fetch.ts";
import { createProvisioner } from "./provision.ts";

const DID = "did:key:zTest";
const GUARDRAIL = "guardrail-1";
const LIMIT: KeyLimit = { creditLimit: "5", creditLimitReset: null };

interface Key {
  hash: string;
  name: string;
  created_at: string;
  isGuarded: boolean;
}

/** How a call goes wrong: before OpenRouter does what it is asked, or after. */
interface Fault {
  at: "before" | "after";
  outcome: () => Promise<Response>;
}

const status = (code: number, retryAfter?: string) => () =>
  Promise.resolve(
    new Response("{}", {
      status: code,
      ...(retryAfter === undefined ? {} : { headers: { "retry-after": retryAfter } }),
    }),
  );
const drop = () => Promise.reject(new TypeError("connection reset"));
const timeOut = () => Promise.reject(new DOMException("timed out", "TimeoutError"));

/** OpenRouter's account with one guardrail; `faults` strike the next call of a method and path, once. */
function openrouterAccount() {
  const keys = new Map<string, Key>();
  const faults = new Map<string, Fault>();
  let created = 0;

  function perform(route: string, { url, body }: Sent): Response {
    const hash = url.split("/").at(-1)!;
    switch (route) {
      case "POST /keys": {
        const key: Key = {
          hash: `hash${++created}`,
          name: JSON.parse(String(body)).name,
          created_at: new Date(created).toISOString(),
          isGuarded: false,
        };
        keys.set(key.hash, key);
        return Response.json({ key: `sk-${created}`, data: key }, { status: 201 });
      }
      case "GET /keys":
        return Response.json({ data: [...keys.values()].reverse() });
      case "POST /guardrails":
        for (const hash of JSON.parse(String(body)).key_hashes) keys.get(hash)!.isGuarded = true;
        return Response.json({ assigned_count: 1 });
      case "DELETE /keys":
        return new Response("{}", { status: keys.delete(hash) ? 200 : 404 });
      default:
        throw new Error(`unexpected: ${route}`);
    }
  }

  const fetch = fakeFetch(async (sent) => {
    const route = `${sent.method} /${new URL(sent.url).pathname.split("/")[1]}`;
    const fault = faults.get(route);
    faults.delete(route);
    if (fault?.at === "before") return await fault.outcome();
    const answer = perform(route, sent);
    return fault ? await fault.outcome() : answer;
  });
  return { fetch, keys, faults };
}

/** A provisioner for one DID: the lease of Postgres in small, and the hash of the key that is stored. */
function provisionerOn(account: ReturnType<typeof openrouterAccount>) {
  let holder: string | null = null;
  let orphansSince: Date | null = null;
  const stored: { hash: string | null } = { hash: null };
  const provision = createProvisioner({
    store: {
      claimProvisioning(_did, attemptId, brokenKeyHash) {
        if (stored.hash !== brokenKeyHash) {
          return Promise.resolve({ state: "provisioned", encryptedApiKey: stored.hash! });
        }
        if (holder !== null) return Promise.resolve({ state: "in_progress" });
        holder = attemptId;
        return Promise.resolve({ state: "claimed", limit: LIMIT, orphansSince, isAlerted: false });
      },
      completeProvisioning({ attemptId, hash }) {
        if (holder !== attemptId) return Promise.resolve(false);
        assert.ok(account.keys.get(hash)?.isGuarded, "an unguarded key was stored");
        [holder, orphansSince, stored.hash] = [null, null, hash];
        return Promise.resolve(true);
      },
      releaseProvisioning(_did, attemptId, orphanPossible) {
        assert.equal(holder, attemptId);
        holder = null;
        orphansSince = orphanPossible ? orphansSince ?? new Date(0) : null;
        return Promise.resolve();
      },
    },
    management: createManagement("http://openrouter.test", "management", account.fetch, null),
    vault: { seal: (_did, plaintext) => Promise.resolve(plaintext) },
    guardrailId: GUARDRAIL,
    now: () => 0,
    sleep: () => new Promise((resolve) => setTimeout(resolve, 0)),
    onAlert: () => {},
    log: () => {},
  });
  return { provision, stored };
}

const FAULTS: [what: string, Fault][] = [
  ["404", { at: "before", outcome: status(404) }],
  ["429", { at: "before", outcome: status(429, "7") }],
  ["500", { at: "before", outcome: status(500) }],
  ["500 to what it has done", { at: "after", outcome: status(500) }],
  ["a broken connection", { at: "before", outcome: drop }],
  ["a broken connection after it is done", { at: "after", outcome: drop }],
  ["a time-out", { at: "before", outcome: timeOut }],
  ["a time-out after it is done", { at: "after", outcome: timeOut }],
  ["none assigned", {
    at: "before",
    outcome: () => Promise.resolve(Response.json({ assigned_count: 0 })),
  }],
];
const DELETIONS: [what: string, Fault | null][] = [
  ["and the key is deleted", null],
  ["and the deletion fails", { at: "before", outcome: status(503) }],
  ["and nobody hears of the deletion", { at: "after", outcome: drop }],
];

for (const [what, fault] of FAULTS) {
  for (const [then, deletion] of DELETIONS) {
    Deno.test(`no unguarded key is used or left: the guardrail meets ${what}, ${then}`, async () => {
      const account = openrouterAccount();
      const { provision, stored } = provisionerOn(account);
      account.faults.set("POST /guardrails", fault);
      if (deletion) account.faults.set("DELETE /keys", deletion);

      const waiting = await Promise.allSettled([provision(DID, null), provision(DID, null)]);
      assert.deepEqual(waiting.map(({ status }) => status), ["rejected", "rejected"]);
      assert.equal(stored.hash, null);
      assert.equal(account.keys.size, deletion?.at === "before" ? 1 : 0);

      await provision(DID, null);
      assert.deepEqual([...account.keys.values()].map(({ hash, isGuarded }) => [hash, isGuarded]), [
        [stored.hash, true],
      ]);
    });
  }
}

Deno.test("a broken key whose successor cannot be guarded is replaced by the next attempt", async () => {
  const account = openrouterAccount();
  const { provision, stored } = provisionerOn(account);
  await provision(DID, null);
  const broken = stored.hash!;
  account.keys.delete(broken);
  account.faults.set("POST /guardrails", { at: "before", outcome: status(503) });

  await assert.rejects(provision(DID, broken));
  assert.deepEqual([stored.hash, account.keys.size], [broken, 0]);

  await provision(DID, broken);
  assert.deepEqual([...account.keys.values()].map(({ hash, isGuarded }) => [hash, isGuarded]), [
    [stored.hash, true],
  ]);
  assert.notEqual(stored.hash, broken);
});
