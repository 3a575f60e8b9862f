import assert from "node:assert/strict";
import type { ListedGeneration, Span } from "../../openrouter/analytics.ts";
import type { KeyState } from "../../openrouter/management_key.ts";
import type { CostSearch } from "../../store/lost_calls.ts";
import { fakeClock, refusedWith, turnOf } from "../../testing/maintenance.ts";
import { createLostCalls } from "./lost_calls.ts";
import { TurnIsOver } from "./turn.ts";

const HOUR_MS = 3_600_000;

/** The job over these searches, where a key has made one generation each half hour. */
function jobOver(
  searches: CostSearch[],
  options: {
    mostRows?: number;
    keys?: Record<string, number>;
    adopts?: () => Promise<void>;
    keyState?: KeyState;
    /** How many searches are due that others hold. */
    held?: number;
    /** What else becomes of the generations of a search. */
    others?: { ownRows: number; later: number };
  } = {},
) {
  const { mostRows = 10_000, keys = { k: HOUR_MS / 2 }, adopts, held = 0 } = options;
  const { ownRows, later } = options.others ?? { ownRows: 0, later: 0 };
  const clock = fakeClock(100 * HOUR_MS);
  const spans: string[] = [];
  const adopted: string[] = [];
  const searchedTo: (number | null)[] = [];
  const compared: string[] = [];
  const inHours = (ms: number) => (ms - clock.now()) / HOUR_MS;
  const job = createLostCalls({
    store: {
      claimCostSearches: () =>
        Promise.resolve({ searches: searches.splice(0, 1), left: searches.length + held }),
      async endCostSearch(_did, at) {
        // What is not awaited is not there when the job is over.
        await new Promise((resolve) => setTimeout(resolve));
        searchedTo.push(at === null ? null : inHours(at.getTime()));
      },
      async compareCosts(did) {
        await new Promise((resolve) => setTimeout(resolve));
        compared.push(did);
        return "equal";
      },
    },
    analytics: {
      generations(keyHash, { fromMs, toMs }: Span) {
        const every = keys[keyHash]!;
        if (Number.isNaN(every)) return Promise.reject(refusedWith(422));
        const listed: ListedGeneration[] = [];
        for (let at = Math.ceil(fromMs / every) * every; at < toMs; at += every) {
          listed.push({ id: `${keyHash}${inHours(at)}`, model: null, cost: "1", sinceMs: 0 });
        }
        const isWhole = listed.length <= mostRows;
        spans.push(`${inHours(fromMs)}..${inHours(toMs)}${isWhole ? "" : " truncated"}`);
        return Promise.resolve({ listed: listed.slice(0, mostRows), isWhole });
      },
    },
    async adopt(_did, generations, _turn, found) {
      await adopts?.();
      adopted.push(...generations.map(({ id }) => id));
      found.adopted += generations.length;
      found.ownRows += ownRows;
      found.later += later;
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  const search = (hoursBack: number, keyHashes = ["k"]): CostSearch => ({
    did: "did:x:1",
    keyHashes,
    fromMs: clock.now() - hoursBack * HOUR_MS,
  });
  return {
    job,
    clock,
    spans,
    adopted,
    searchedTo,
    compared,
    search,
    turn: turnOf(clock, 60_000, options.keyState),
  };
}

Deno.test("what analytics list is handed on, and the sums are compared again", async () => {
  const searches: CostSearch[] = [];
  const { job, turn, search, spans, adopted, searchedTo, compared } = jobOver(searches);
  searches.push(search(2));
  assert.deepEqual(await job(turn), { done: 4, left: 0, details: { own_rows: 0 } });
  assert.deepEqual(spans, ["-2..0"]);
  assert.deepEqual(adopted, ["k-2", "k-1.5", "k-1", "k-0.5"]);
  assert.deepEqual([searchedTo, compared], [[null], ["did:x:1"]]);
});

Deno.test("what has a row of its own is done, too, and what may be told apart later is left", async () => {
  const searches: CostSearch[] = [];
  const { job, turn, search } = jobOver(searches, { others: { ownRows: 3, later: 1 } });
  searches.push(search(1), search(1));
  assert.deepEqual(await job(turn), { done: 2 * 2 + 6, left: 2, details: { own_rows: 6 } });
});

Deno.test("where a turn ends, those searches are left that others hold, and the one that broke off", async () => {
  const searches: CostSearch[] = [];
  const { job, turn, search } = jobOver(searches, {
    others: { ownRows: 1, later: 1 },
    adopts: () => searches.length > 0 ? Promise.resolve() : Promise.reject(new TurnIsOver()),
  });
  searches.push(search(1), search(1));
  assert.deepEqual(await job(turn), { done: 2 + 1, left: 1 + 1, details: { own_rows: 1 } });
});

Deno.test("searches that somebody else holds are left", async () => {
  const { job, turn } = jobOver([], { held: 2 });
  assert.deepEqual(await job(turn), { done: 0, left: 2, details: { own_rows: 0 } });
});

Deno.test("where analytics are truncated, narrower spans are asked for, the earliest first", async () => {
  const searches: CostSearch[] = [];
  const { job, turn, search, spans, adopted } = jobOver(searches, { mostRows: 2 });
  searches.push(search(4));
  await job(turn);
  assert.deepEqual(spans, [
    "-4..0 truncated",
    "-4..-2 truncated",
    "-4..-3",
    "-3..-2",
    "-2..0 truncated",
    "-2..-1",
    "-1..0",
  ]);
  assert.deepEqual(adopted, ["k-4", "k-3.5", "k-3", "k-2.5", "k-2", "k-1.5", "k-1", "k-0.5"]);
});

Deno.test("no search goes back further than analytics take, whatever clocks say", async () => {
  const searches: CostSearch[] = [];
  const { job, turn, search, spans } = jobOver(searches);
  searches.push(search(31 * 24));
  await job(turn);
  assert.deepEqual(spans, [`${1 / 60 - 31 * 24}..0`]);
});

Deno.test("a DID's keys are asked for together, and one that is truncated narrows all", async () => {
  const searches: CostSearch[] = [];
  const keys = { k: HOUR_MS / 2, old: HOUR_MS };
  const { job, turn, search, adopted } = jobOver(searches, { mostRows: 3, keys });
  searches.push(search(2, ["old", "k"]));
  await job(turn);
  assert.deepEqual(adopted, ["old-2", "k-2", "k-1.5", "old-1", "k-1", "k-0.5"]);
});

for (const [ms, asked] of [[1_000, 1], [1_001, 3]] as const) {
  Deno.test(`a span of ${ms} ms with much in it is ${asked === 1 ? "taken as it is" : "halved"}`, async () => {
    const searches: CostSearch[] = [];
    const { job, turn, clock, spans } = jobOver(searches, { mostRows: 1, keys: { k: 100 } });
    searches.push({ did: "did:x:1", keyHashes: ["k"], fromMs: clock.now() - ms });
    await job(turn);
    assert.equal(spans.length, asked);
  });
}

Deno.test("a search that breaks off is gone on with from there, and the others stay", async () => {
  const searches: CostSearch[] = [];
  let adoptions = 0;
  const { job, turn, search, searchedTo, compared } = jobOver(searches, {
    mostRows: 2,
    adopts: () => ++adoptions === 2 ? Promise.reject(new TurnIsOver()) : Promise.resolve(),
  });
  searches.push(search(2), search(2));
  assert.deepEqual(await job(turn), { done: 2, left: 2, details: { own_rows: 0 } });
  assert.deepEqual([searchedTo, compared], [[-1], []]);
});

Deno.test("a search that fails keeps no other from its turn", async () => {
  const searches: CostSearch[] = [];
  let adoptions = 0;
  const { job, turn, search, adopted, searchedTo, compared } = jobOver(searches, {
    adopts: () => ++adoptions === 1 ? Promise.reject(refusedWith(403)) : Promise.resolve(),
  });
  searches.push(search(1), search(2));
  assert.equal((await job(turn)).done, 4);
  assert.deepEqual([adopted.length, searchedTo, compared], [4, [null], ["did:x:1"]]);
  assert.deepEqual(turn.passedOver().map(({ subject }) => subject), [{ did: "did:x:1" }]);
});

Deno.test("a key that analytics do not tell of keeps no other's calls from being found", async () => {
  const searches: CostSearch[] = [];
  const keys = { k: HOUR_MS / 2, bad: NaN };
  const { job, turn, search, adopted, searchedTo } = jobOver(searches, { mostRows: 2, keys });
  searches.push(search(2, ["bad", "k"]));
  assert.equal((await job(turn)).done, 4);
  assert.deepEqual([adopted, searchedTo], [["k-2", "k-1.5", "k-1", "k-0.5"], [null]]);
  assert.deepEqual(
    turn.passedOver().map(({ subject }) => subject),
    [{ did: "did:x:1", key_hash: "bad" }],
    "it is asked for once",
  );
});

Deno.test("where OpenRouter refuses the management key, the job fails, and says so", async () => {
  const searches: CostSearch[] = [];
  const refused = refusedWith(401);
  const { job, turn, search, searchedTo, compared } = jobOver(searches, {
    adopts: () => Promise.reject(refused),
    keyState: "refused",
  });
  searches.push(search(1));
  await assert.rejects(job(turn), refused);
  assert.deepEqual([searchedTo, compared], [[], []], "nothing is known of how far it came");
});
