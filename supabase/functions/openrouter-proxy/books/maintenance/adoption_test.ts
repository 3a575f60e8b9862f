import assert from "node:assert/strict";
import type { Adoption, FoundCall, RanGeneration } from "../../store/lost_calls.ts";
import { StoreUnavailable } from "../../store/rpc.ts";
import { fakeClock, refusedWith, turnOf } from "../../testing/maintenance.ts";
import { type Adoptions, createAdoption } from "./adoption.ts";
import { TurnIsOver } from "./turn.ts";

const NOW_MS = Date.parse("2026-11-26T12:00:00Z");

/** A generation as `GET /generation` tells of it, some minutes ago. */
function generation(minutesAgo: number, members: Record<string, unknown> = {}) {
  return {
    created_at: new Date(NOW_MS - minutesAgo * 60_000).toISOString(),
    model: "m",
    api_type: "completions",
    streamed: true,
    total_cost: "0.5",
    native_tokens_completion: 3,
    ...members,
  };
}

interface Options {
  /** How long ago the generations were made, as analytics tell. */
  ageMs?: number;
  /** What OpenRouter knows, by id. */
  known?: Record<string, Record<string, unknown>>;
  /** Generations that OpenRouter refuses to tell of. */
  refused?: string[];
  /** Calls that Postgres does not take, by the id of their first generation. */
  unstorable?: string[];
  /** Generations whose cost is in the books. */
  booked?: string[];
  /** Requests that are booked with the sum of their generations. */
  withSums?: RanGeneration[];
  /** What becomes of a call, by the id of its first generation; `adopted` where nothing is said. */
  outcome?: (id: string, anyRow: boolean) => Adoption;
}

async function adoption(ids: string[], options: Options = {}, listedCost = "0.7") {
  const { known = {}, booked = [], withSums = [], outcome = () => "adopted" } = options;
  const { refused = [], unstorable = [] } = options;
  const clock = fakeClock(NOW_MS);
  const tried: string[] = [];
  const calls: FoundCall[] = [];
  const parts: string[] = [];
  const asked: string[] = [];
  const together: number[] = [];
  const spans: number[][] = [];
  const adopt = createAdoption({
    store: {
      unbookedGenerations(_did, ids) {
        together.push(ids.length);
        return Promise.resolve(ids.filter((id) => !booked.includes(id)));
      },
      generationsWithSums(_did, from, to) {
        spans.push([from, to].map((at) => (at.getTime() - NOW_MS) / 60_000));
        return Promise.resolve(withSums);
      },
      async noteParts(_did, ids) {
        // What is not awaited is not there when all is booked.
        await new Promise((resolve) => setTimeout(resolve));
        parts.push(...ids);
      },
      adoptGeneration(call, anyRow) {
        const id = call.generations[0]!.id;
        tried.push(`${id}${anyRow ? " by any row" : ""}`);
        if (unstorable.includes(id)) {
          return Promise.reject(new StoreUnavailable("adopt_generation: 22003", false, true));
        }
        calls.push(call);
        return Promise.resolve(outcome(id, anyRow));
      },
    },
    management: {
      generation(id) {
        asked.push(id);
        if (refused.includes(id)) return Promise.reject(refusedWith(403));
        return Promise.resolve(known[id] ?? null);
      },
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  const found: Adoptions = { adopted: 0, ownRows: 0, later: 0 };
  const sinceMs = NOW_MS - (options.ageMs ?? 3_600_000);
  const listed = ids.map((id) => ({ id, model: "listed", cost: listedCost, sinceMs }));
  const turn = turnOf(clock);
  await adopt("did:x:1", listed, turn, found);
  const passedOver = turn.passedOver().map(({ subject }) => subject);
  return { tried, calls, parts, asked, together, spans, found, passedOver };
}

Deno.test("a generation that is in the books is asked for no more", async () => {
  const { asked, tried } = await adoption(["a", "b"], {
    booked: ["a"],
    known: { b: generation(5) },
  });
  assert.deepEqual([asked, tried], [["b"], ["b"]]);
});

Deno.test("a call is told of by what OpenRouter knows of its generation", async () => {
  const known = { a: generation(5, { is_byok: true, upstream_inference_cost: "9" }) };
  const { calls: [call] } = await adoption(["a"], { known });
  assert.deepEqual(call?.generations, [{ id: "a", cost: "0.5", upstreamCost: "9" }]);
  assert.deepEqual([call?.endpoint, call?.streaming, call?.model, call?.outputTokens], [
    "/chat/completions",
    true,
    "m",
    3,
  ]);
  assert.deepEqual(call?.createdAt, new Date(NOW_MS - 5 * 60_000));
});

Deno.test("the generations of one request are one call", async () => {
  const request = { request_id: "r" };
  const { calls, tried } = await adoption(["b", "a", "c"], {
    known: {
      a: generation(5, request),
      b: generation(4, request),
      c: generation(3, { request_id: "another" }),
    },
  });
  assert.deepEqual(tried, ["a", "c"]);
  assert.deepEqual(calls[0]?.generations.map(({ id }) => id), ["a", "b"]);
  assert.equal(calls[0]?.outputTokens, 6);
});

Deno.test("what belongs to a request whose sum is booked is noted, and not booked again", async () => {
  const ran = { fromMs: NOW_MS - 10 * 60_000, toMs: NOW_MS };
  const { tried, parts, asked } = await adoption(["part", "other"], {
    withSums: [{ id: "whole", ...ran }, { id: "long ago", fromMs: 0, toMs: 1 }],
    known: {
      whole: generation(6, { request_id: "r" }),
      part: generation(5, { request_id: "r" }),
      other: generation(4, { request_id: "another" }),
    },
  });
  assert.deepEqual([tried, parts], [["other"], ["part"]]);
  // Each booked generation is asked for once, and those that did not run then are not.
  assert.deepEqual(asked, ["part", "other", "whole"]);
  const atMs = NOW_MS - 5 * 60_000;
  const withSums = [{ id: "whole", fromMs: atMs, toMs: atMs }];
  const known = {
    whole: generation(6, { request_id: "r" }),
    part: generation(5, { request_id: "r" }),
  };
  assert.deepEqual((await adoption(["part"], { withSums, known })).parts, ["part"]);
});

Deno.test("sums are looked for in all the time in which the requests were made", async () => {
  const known = { a: generation(4), b: generation(9), c: generation(6) };
  assert.deepEqual((await adoption(["a", "b", "c"], { known })).spans, [[-9, -4]]);
});

Deno.test("all generations are noted of a request whose sum is booked", async () => {
  const ran = { fromMs: NOW_MS - 10 * 60_000, toMs: NOW_MS };
  const request = { request_id: "r" };
  const { parts, tried } = await adoption(["a", "b"], {
    withSums: [{ id: "whole", ...ran }],
    known: { whole: generation(6, request), a: generation(5, request), b: generation(4, request) },
  });
  assert.deepEqual([parts, tried], [["a", "b"], []]);
});

Deno.test("generations are of one request only if OpenRouter says so", async () => {
  const ran = { fromMs: NOW_MS - 10 * 60_000, toMs: NOW_MS };
  for (const request_id of [null, undefined]) {
    const { parts, tried } = await adoption(["a", "b"], {
      withSums: [{ id: "whole", ...ran }],
      known: {
        whole: generation(6, { request_id }),
        a: generation(5, { request_id }),
        b: generation(4, { request_id }),
      },
    });
    assert.deepEqual([parts, tried], [[], ["a", "b"]]);
  }
});

Deno.test("nothing is booked while it is not known whether a booked sum holds it", async () => {
  const clock = fakeClock(NOW_MS);
  const turn = turnOf(clock);
  const ids = Array.from({ length: 20 }, (_, n) => `whole ${n}`);
  const adopt = createAdoption({
    store: {
      unbookedGenerations: (_did, ids) => Promise.resolve(ids),
      generationsWithSums: () =>
        Promise.resolve(ids.map((id) => ({ id, fromMs: 0, toMs: NOW_MS }))),
      noteParts: () => assert.fail("it is not known to be a part"),
      adoptGeneration: () => assert.fail("it may be booked already"),
    },
    management: {
      generation(id) {
        if (id.startsWith("whole")) clock.pass(60_000);
        return Promise.resolve(generation(5, { request_id: id }));
      },
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  const listed = [{ id: "a", model: null, cost: "1", sinceMs: 0 }];
  const found = { adopted: 0, ownRows: 0, later: 0 };
  await assert.rejects(adopt("did:x:1", listed, turn, found), TurnIsOver);
  assert.deepEqual(found, { adopted: 0, ownRows: 0, later: 0 });
});

Deno.test("what fits a lost row well comes before what takes any row", async () => {
  const { tried, found } = await adoption(["a", "b", "c"], {
    known: { a: generation(5), b: generation(4), c: generation(3) },
    outcome: (id, anyRow) => id === "b" ? "adopted" : anyRow ? "own_row" : "no_row",
  });
  assert.deepEqual(tried, ["a", "b", "c", "a by any row", "c by any row"]);
  assert.deepEqual(found, { adopted: 1, ownRows: 2, later: 0 });
});

Deno.test("what was paid for comes before what was free", async () => {
  const { tried } = await adoption(["free", "paid"], {
    known: { free: generation(5, { total_cost: "0.000" }), paid: generation(4) },
  });
  assert.deepEqual(tried, ["paid", "free"]);
  // With the customer's own key, too, which OpenRouter charges nothing for.
  const byok = { total_cost: "0", is_byok: true };
  const own = await adoption(["free", "nothing", "byok"], {
    known: {
      free: generation(5, byok),
      nothing: generation(4, { ...byok, upstream_inference_cost: "0.0" }),
      byok: generation(3, { ...byok, upstream_inference_cost: "0.2" }),
    },
  });
  assert.deepEqual(own.tried, ["byok", "free", "nothing"]);
  // A request was paid for if one of its generations was.
  const request = { request_id: "r" };
  const mixed = await adoption(["free", "a", "b"], {
    known: {
      free: generation(6, { total_cost: "0" }),
      a: generation(5, { ...request, total_cost: "0" }),
      b: generation(4, request),
    },
  });
  assert.deepEqual(mixed.tried, ["a", "free"]);
});

Deno.test("a generation that OpenRouter refuses to tell of keeps no other from being booked", async () => {
  const { tried, found, passedOver } = await adoption(["bad", "good"], {
    refused: ["bad"],
    known: { good: generation(5) },
  });
  assert.deepEqual([tried, found], [["good"], { adopted: 1, ownRows: 0, later: 1 }]);
  assert.deepEqual(passedOver, [{ did: "did:x:1", generation_id: "bad" }]);
});

Deno.test("a call that Postgres does not take keeps no other from being booked", async () => {
  const { tried, found, passedOver } = await adoption(["bad", "good"], {
    unstorable: ["bad"],
    known: { bad: generation(6), good: generation(5) },
  });
  assert.deepEqual([tried, found], [["bad", "good"], { adopted: 1, ownRows: 0, later: 1 }]);
  assert.deepEqual(passedOver, [{ did: "did:x:1", generation_id: "bad" }]);
});

Deno.test("what may be part of a sum that OpenRouter refuses to tell of is left, and nothing else", async () => {
  const ran = (minutesAgo: number) => ({
    fromMs: NOW_MS - minutesAgo * 60_000 - 1_000,
    toMs: NOW_MS - minutesAgo * 60_000 + 1_000,
  });
  const { tried, found, parts } = await adoption(["beside", "part", "alone"], {
    refused: ["bad"],
    withSums: [{ id: "bad", ...ran(9) }, { id: "bad", ...ran(7) }, { id: "whole", ...ran(7) }],
    known: {
      beside: generation(9, { request_id: "b" }),
      whole: generation(7, { request_id: "r" }),
      part: generation(7, { request_id: "r" }),
      alone: generation(5, { request_id: "a" }),
    },
  });
  assert.deepEqual([tried, parts], [["alone"], ["part"]]);
  assert.deepEqual(found, { adopted: 1, ownRows: 0, later: 1 });
});

Deno.test("what is booked when a turn ends is not looked at again", async () => {
  const clock = fakeClock(NOW_MS);
  const booked: string[] = [];
  let asked = 0;
  const adopt = createAdoption({
    store: {
      unbookedGenerations: (_did, ids) => Promise.resolve(ids.filter((id) => !booked.includes(id))),
      generationsWithSums: () => Promise.resolve([]),
      noteParts: () => Promise.resolve(),
      adoptGeneration({ generations }) {
        booked.push(...generations.map(({ id }) => id));
        return Promise.resolve("adopted");
      },
    },
    management: {
      generation() {
        asked++;
        return Promise.resolve(generation(5));
      },
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  const listed = Array.from({ length: 2_500 }, (_, n) => ({
    id: String(n),
    model: null,
    cost: "1",
    sinceMs: 0,
  }));
  const found = { adopted: 0, ownRows: 0, later: 0 };
  await assert.rejects(adopt("did:x:1", listed, turnOf(clock), found), TurnIsOver);
  assert.deepEqual([booked.length, asked], [2_000, 2_000]);
  await adopt("did:x:1", listed, turnOf(clock), found);
  assert.deepEqual([booked.length, found.adopted], [2_500, 2_500]);
});

Deno.test("what may be a running request's is left for later", async () => {
  const { found } = await adoption(["a"], {
    known: { a: generation(1) },
    outcome: () => "pending",
  });
  assert.deepEqual(found, { adopted: 0, ownRows: 0, later: 1 });
});

Deno.test("a generation that analytics alone know is booked when OpenRouter has had its time", async () => {
  const second = (minutesAgo: number) => Math.floor(NOW_MS / 1000) - minutesAgo * 60;
  const [old, young] = [`gen-${second(3)}-x`, `gen-${second(1)}-x`];
  const { calls, found } = await adoption([old, young]);
  assert.deepEqual(found, { adopted: 1, ownRows: 0, later: 1 });
  const [{ generations, createdAt, model, endpoint, streaming }] = calls as [FoundCall];
  assert.equal(streaming, false, "nobody says that it was");
  assert.deepEqual(generations, [{ id: old, cost: "0.7", upstreamCost: null }]);
  assert.deepEqual([createdAt.getTime(), model, endpoint], [NOW_MS - 180_000, "listed", null]);
});

Deno.test("OpenRouter has two minutes for that", async () => {
  for (const [ageMs, adopted] of [[119_999, 0], [120_000, 1]] as const) {
    const { found } = await adoption(["a"], { ageMs });
    assert.deepEqual(found, { adopted, ownRows: 0, later: 1 - adopted });
  }
});

Deno.test("where nothing is known yet, all is left for later", async () => {
  const id = `gen-${Math.floor(NOW_MS / 1000) - 60}-x`;
  const { found, spans, tried } = await adoption([id]);
  assert.deepEqual([found, spans, tried], [{ adopted: 0, ownRows: 0, later: 1 }, [], []]);
});

Deno.test("nothing is booked of what could not be looked at to the end", async () => {
  const clock = fakeClock(NOW_MS);
  const adopt = createAdoption({
    store: {
      unbookedGenerations: (_did, ids) => Promise.resolve(ids),
      generationsWithSums: () => assert.fail("looked no further"),
      noteParts: () => assert.fail("looked no further"),
      adoptGeneration: () => assert.fail("looked no further"),
    },
    management: {
      generation() {
        clock.pass(60_000);
        return Promise.resolve(generation(5));
      },
    },
    usdPerCredit: "1",
    now: clock.now,
  });
  const listed = Array.from(
    { length: 20 },
    (_, n) => ({ id: `${n}`, model: null, cost: "1", sinceMs: 0 }),
  );
  const found = { adopted: 0, ownRows: 0, later: 0 };
  await assert.rejects(adopt("did:x:1", listed, turnOf(clock), found), TurnIsOver);
});

Deno.test("Postgres is asked for two thousand generations at a time", async () => {
  const ids = Array.from({ length: 2_001 }, (_, n) => `${n}`);
  assert.deepEqual(
    (await adoption(ids, { booked: ids.slice(0, -1), known: { 2000: generation(5) } })).together,
    [2_000, 1],
  );
});

Deno.test("a generation that is listed twice is booked once", async () => {
  const { asked, calls } = await adoption(["a", "b", "a"], {
    known: { a: generation(5), b: generation(4) },
  });
  assert.deepEqual(asked, ["a", "b"]);
  assert.deepEqual(calls.map(({ generations }) => generations.map(({ id }) => id)), [["a"], ["b"]]);
});

Deno.test("a generation of which nobody knows when it was made is of the time in which it is listed", async () => {
  const { calls } = await adoption(["odd"]);
  assert.deepEqual(calls.map(({ createdAt }) => createdAt), [new Date(NOW_MS - 3_600_000)]);
});

Deno.test("what is listed with a cost that is none is booked by /generation alone", async () => {
  for (const cost of ["-0.5", "NaN", ""]) {
    const { tried, calls, found } = await adoption(
      ["a", "b"],
      { known: { a: generation(5) } },
      cost,
    );
    assert.deepEqual([tried, found.later], [["a"], 1]);
    assert.equal(calls[0]?.generations[0]?.cost, "0.5");
  }
});
