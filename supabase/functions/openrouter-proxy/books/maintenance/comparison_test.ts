import assert from "node:assert/strict";
import type { KeyState } from "../../openrouter/management_key.ts";
import type { CostComparison, KeyReading } from "../../store/cost_comparison.ts";
import { StoreUnavailable } from "../../store/rpc.ts";
import { fakeClock, refusedWith, turnOf } from "../../testing/maintenance.ts";
import { createComparison } from "./comparison.ts";

const DAY_MS = 86_400_000;

function jobOver(
  checks: { did: string; keys: string[] }[],
  state: CostComparison = "equal",
  onClaim = () => {},
  keyState: KeyState = "accepted",
) {
  const clock = fakeClock(100 * DAY_MS);
  const compared: { did: string; keys: KeyReading[]; readForMs: number }[] = [];
  const spans: number[] = [];
  const job = createComparison({
    store: {
      claimCostChecks() {
        onClaim();
        return Promise.resolve({ checks: checks.splice(0), left: 4 });
      },
      compareCosts(did, _usdPerCredit, keys, readForMs) {
        if (keys[0]?.hash === "unstorable") {
          return Promise.reject(new StoreUnavailable("compare_costs: 22003", false, true));
        }
        compared.push({ did, keys, readForMs });
        return Promise.resolve(state);
      },
    },
    management: {
      keyUsage(hash) {
        clock.pass(250);
        if (hash === "forbidden") return Promise.reject(refusedWith(403));
        if (hash === "refused") return Promise.reject(refusedWith(429, "3600"));
        return Promise.resolve(hash === "gone" ? null : { usage: "1.5", byokUsage: "0.25" });
      },
    },
    analytics: {
      spent(_hash, { fromMs, toMs }) {
        spans.push((toMs - fromMs) / DAY_MS);
        return Promise.resolve("0.75");
      },
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  return { job, compared, spans, turn: turnOf(clock, 60_000, keyState) };
}

Deno.test("each DID is compared by what OpenRouter says of its keys, and by when it said so", async () => {
  const { job, turn, compared } = jobOver([{ did: "did:x:1", keys: ["a", "b"] }], "differs");
  assert.deepEqual(await job(turn), {
    done: 1,
    left: 4,
    details: { equal: 0, differs: 1, busy: 0, unknown: 0 },
  });
  const read = { usage: "1.5", byokUsage: "0.25", isGone: false };
  assert.deepEqual(compared, [{
    did: "did:x:1",
    keys: [{ hash: "a", ...read }, { hash: "b", ...read }],
    readForMs: 500,
  }]);
});

Deno.test("of a key that is gone, analytics tell what it spent in the time that they know", async () => {
  const { job, turn, compared, spans } = jobOver([{ did: "did:x:1", keys: ["gone"] }]);
  await job(turn);
  assert.deepEqual(compared[0]?.keys, [
    { hash: "gone", usage: "0.75", byokUsage: null, isGone: true },
  ]);
  assert.deepEqual(
    spans,
    [(31 * DAY_MS - 60_000) / DAY_MS],
    "less a minute, by which clocks may differ",
  );
});

Deno.test("a DID with nothing to read is compared by what was read last", async () => {
  const { job, turn, compared } = jobOver([{ did: "did:x:1", keys: [] }]);
  await job(turn);
  assert.deepEqual(compared[0]?.keys, []);
});

Deno.test("where OpenRouter asks to wait for long, the DIDs that are left stay due", async () => {
  const dids = ["did:x:1", "did:x:2"].map((did) => ({ did, keys: ["refused"] }));
  const { job, turn, compared } = jobOver(dids);
  const { done, left } = await job(turn);
  assert.deepEqual([done, left, compared], [0, 6, []]);
  assert.equal(turn.stopped(), "openrouter_is_busy");
});

for (const bad of ["forbidden", "unstorable"]) {
  Deno.test(`one DID that cannot be compared (${bad}) keeps no other from its turn, and is left`, async () => {
    const checks = Array.from({ length: 210 }, (_, n) => ({
      did: `did:x:${n}`,
      keys: [n % 100 === 0 ? bad : "a"],
    }));
    const batches = [checks.slice(0, 200), checks.slice(200)];
    const due: typeof checks = [];
    const { job, turn, compared } = jobOver(due, "equal", () => due.push(...batches.shift()!));
    const { done, left } = await job(turn);
    assert.deepEqual([done, left, compared.length], [207, 4 + 3, 207]);
    assert.deepEqual(
      turn.passedOver().map(({ subject }) => subject.did),
      ["did:x:0", "did:x:100", "did:x:200"],
    );
  });
}

Deno.test("where OpenRouter refuses the management key, the job fails, and asks for no others", async () => {
  const checks = Array.from(
    { length: 100 },
    (_, n) => ({ did: `did:x:${n}`, keys: ["forbidden"] }),
  );
  const { job, turn, compared } = jobOver(checks, "equal", () => {}, "refused");
  await assert.rejects(job(turn), /status 403/);
  assert.deepEqual([compared, turn.passedOver()], [[], []]);
});

Deno.test("DIDs are claimed until there are no more, and not once more", async () => {
  let claims = 0;
  const batches = [200, 200, 3];
  const dids: { did: string; keys: string[] }[] = [];
  const { job, turn, compared } = jobOver(dids, "equal", () => {
    const count = batches[claims++] ?? assert.fail("nothing was left to claim");
    dids.push(...Array.from({ length: count }, (_, n) => ({ did: `did:x:${n}`, keys: [] })));
  });
  assert.deepEqual([(await job(turn)).done, compared.length, claims], [403, 403, 3]);
});

Deno.test("no more DIDs are claimed once the turn is over", async () => {
  const dids = Array.from({ length: 1_000 }, (_, n) => ({ did: `did:x:${n}`, keys: ["a"] }));
  let claims = 0;
  const { job, turn, compared } = jobOver(dids, "equal", () => claims++);
  const { left } = await job(turn);
  assert.equal(turn.stopped(), "out_of_time");
  assert.equal(claims, 1);
  assert.equal(compared.length + left!, 1_004);
});
