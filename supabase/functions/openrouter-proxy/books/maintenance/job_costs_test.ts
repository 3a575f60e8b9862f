import assert from "node:assert/strict";
import { VaultError } from "../../accounts/key_vault.ts";
import { fakeClock, turnOf } from "../../testing/maintenance.ts";
import { createJobCosts } from "./job_costs.ts";
import { TurnIsOver } from "./turn.ts";

const ROW = {
  requestId: "r",
  requestTime: "t",
  did: "did:x:1",
  endpoint: "/videos",
  generationId: "job/1",
};
const GENERATION = { total_cost: "0.4", native_tokens_completion: 7 };

/** Of the DID that the row has, and of no other. */
function opened(did: string, envelope: string): Promise<string> {
  assert.deepEqual([did, envelope], [ROW.did, "sealed"]);
  return Promise.resolve("sk-own");
}

/** What is known of a job for which OpenRouter answers with this, and what was asked for. */
function costOf(
  answer: { status?: number; job?: Record<string, unknown> | string },
  { envelope = "sealed" as string | null, open = opened, lastsMs = 1 } = {},
) {
  const asked: string[] = [];
  const jobCosts = createJobCosts({
    store: { encryptedKeyOf: () => Promise.resolve(envelope) },
    management: {
      generation(id) {
        asked.push(id);
        return Promise.resolve(GENERATION);
      },
    },
    vault: { open },
    openrouterUrl: "https://openrouter.test/api/v1",
    fetch: ((
      url: string,
      { method, headers }: { method: string; headers: Record<string, string> },
    ) => {
      asked.push(`${headers.authorization} ${method} ${url}`);
      const { job = {}, status = 200 } = answer;
      const json = typeof job === "string" ? job : JSON.stringify(job);
      return Promise.resolve(new Response(json, { status }));
    }) as unknown as typeof fetch,
  });
  return { asked, known: jobCosts(ROW, turnOf(fakeClock(), lastsMs)) };
}

Deno.test("a job is asked for with the DID's own key, and costs what its usage says", async () => {
  const { asked, known } = costOf({ job: { status: "completed", usage: { cost: 1.25 } } });
  assert.equal((await known)?.cost, "1.25");
  assert.deepEqual(asked, ["Bearer sk-own GET https://openrouter.test/api/v1/videos/job%2F1"]);
});

Deno.test("a job's own usage is the truth of its cost, with all its digits", async () => {
  const job =
    '{"status":"completed","generation_id":"gen-1","usage":{"cost":0.98765432109876543219,' +
    '"is_byok":true,"cost_details":{"upstream_inference_cost":0.12345678901234567891}}}';
  const { asked, known } = costOf({ job });
  const { cost, upstreamCost } = (await known)!;
  assert.deepEqual([cost, upstreamCost], ["0.98765432109876543219", "0.12345678901234567891"]);
  assert.equal(asked.length, 1, "the generation is not asked for");
});

for (const status of ["failed", "cancelled", "canceled", "expired"]) {
  Deno.test(`a job that has ${status} costs nothing, unless its usage says otherwise`, async () => {
    assert.equal((await costOf({ job: { status } }).known)?.cost, "0");
    assert.equal((await costOf({ job: { status, usage: { cost: 0.5 } } }).known)?.cost, "0.5");
  });
}

Deno.test("a job that is done and silent about its usage costs what its generation did", async () => {
  const { asked, known } = costOf({ job: { status: "completed", generation_id: "gen-1" } });
  const { cost, outputTokens } = (await known)!;
  assert.deepEqual([cost, outputTokens, asked[1]], ["0.4", 7, "gen-1"]);
});

for (
  const job of [{ status: "in_progress", generation_id: "gen-1" }, { status: "completed" }, {}]
) {
  Deno.test(`what ${JSON.stringify(job)} costs is not known yet`, async () => {
    const { asked, known } = costOf({ job });
    assert.deepEqual([(await known)?.cost, asked.length], [null, 1]);
  });
}

Deno.test("nothing is known where there is no key, or one that is not taken or cannot be opened", async () => {
  assert.equal(await costOf({}, { envelope: null }).known, null);
  assert.equal(await costOf({ status: 401 }).known, null);
  assert.equal(await costOf({}, { open: () => Promise.reject(new VaultError()) }).known, null);
});

Deno.test("a turn that is over, and a bug, are no answers", async () => {
  await assert.rejects(costOf({}, { lastsMs: 0 }).known, TurnIsOver);
  await assert.rejects(
    costOf({}, { open: () => Promise.reject(new TypeError("a bug")) }).known,
    TypeError,
  );
});
