/** Calls of the store that go together: each gets its own answer, or fails as its call did. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { ADMISSIONS } from "./batched_calls.ts";
import { createStore, type Store } from "./store.ts";
import { StoreUnavailable } from "./rpc.ts";
import { anAdmissionRequest } from "../testing/admissions.ts";
import { aSettlement } from "../testing/settlements.ts";

/** An RPC, and the ids of the requests that it is about. */
interface Call {
  rpc: string;
  ids: string[];
}

interface Kind {
  one: string;
  many: string;
  /** Reads what an RPC was sent. */
  idsIn(args: Record<string, unknown>): string[];
  ask(store: Store, requestId: string): Promise<unknown>;
  /** An RPC's answer about one request, and what the store makes of it. */
  told(id: string): unknown;
  toldAs(answer: unknown): string;
}

const KINDS: Kind[] = [
  {
    one: "admit_request",
    many: "admit_requests",
    idsIn: (args) =>
      "p_admissions" in args
        ? JSON.parse(args.p_admissions as string).map(idOf)
        : [idOf(args.p_admission)],
    ask: (store, requestId) => store.admit(anAdmissionRequest({ requestId })),
    told: (id) => ({ decision: "admitted", request_time: id }),
    toldAs: (answer) => (answer as { requestTime: string }).requestTime,
  },
  {
    one: "settle_request",
    many: "settle_requests",
    idsIn: (args) =>
      "p_settlements" in args
        ? JSON.parse(args.p_settlements as string).map(idOf)
        : [idOf(args.p_settlement)],
    ask: (store, requestId) => store.settle(aSettlement({ requestId })),
    told: (id) => ({ settled: true, total_cost: id, left_out: null }),
    toldAs: (answer) => (answer as { totalCostUsd: string }).totalCostUsd,
  },
];

const idOf = (item: unknown) => (item as { request_id: string }).request_id;

const refusal = (code: string) => Response.json({ code, message: "x" }, { status: 500 });

/**
 * Asks for a request, and, while its call is under way, for the others, which go together.
 *
 * @param answerTo what each call for several is answered
 * @returns what became of each, "lost" or "not done" where it failed, and the calls
 */
async function askFor(
  { many, idsIn, ask, told, toldAs }: Kind,
  ids: string[],
  answerTo: (ids: string[]) => Response | Promise<Response>,
) {
  const calls: Call[] = [];
  const { promise: firstIsUnderWay, resolve: tellOfFirst } = Promise.withResolvers<void>();
  const { promise: allAreAskedFor, resolve: tellOfAll } = Promise.withResolvers<void>();
  const answering = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const rpc = new URL(request.url).pathname.split("/").at(-1)!;
    const asked = idsIn(await request.json());
    calls.push({ rpc, ids: asked });
    tellOfFirst();
    await allAreAskedFor;
    return rpc === many ? await answerTo(asked) : Response.json(told(asked[0]!));
  }) as typeof fetch;
  const store = createStore("http://supabase.test", "sb_secret_x", answering, Date.now);
  const answerOf = (id: string) =>
    ask(store, id).then(toldAs, (error) => {
      assert.ok(error instanceof StoreUnavailable, String(error));
      return error.mayHaveArrived ? "lost" : "not done";
    });
  const [first, ...others] = ids;
  const answers = [answerOf(first!)];
  store.settleSoon();
  await firstIsUnderWay;
  answers.push(...others.map(answerOf));
  tellOfAll();
  return { answers: await Promise.all(answers), calls };
}

for (const kind of KINDS) {
  const { one, many, told } = kind;
  const all = (ids: string[]) =>
    Response.json(Object.fromEntries(ids.map((id) => [id, told(id)]).reverse()));
  const alone = (ids: string[]): Call[] => ids.map((id) => ({ rpc: one, ids: [id] }));

  Deno.test(`${many}: what comes while ${one} is under way goes together, and is answered by id`, async () => {
    const { answers, calls } = await askFor(kind, ["a", "b", "c", "d"], all);
    assert.deepEqual(answers, ["a", "b", "c", "d"]);
    assert.deepEqual(calls, [...alone(["a"]), { rpc: many, ids: ["b", "c", "d"] }]);
  });

  Deno.test(`${many}: no more than ${ADMISSIONS.atOnce} go together`, async () => {
    const ids = Array.from({ length: ADMISSIONS.atOnce + 3 }, (_, n) => `id-${n}`);
    const { answers, calls } = await askFor(kind, ids, all);
    assert.deepEqual(answers, ids);
    assert.deepEqual(calls.map(({ ids }) => ids.length), [1, ADMISSIONS.atOnce, 2]);
  });

  Deno.test(`${many}: those that it leaves out are asked for alone`, async () => {
    const { answers, calls } = await askFor(
      kind,
      ["a", "b", "c", "d"],
      (ids) => all(ids.filter((id) => id === "c")),
    );
    assert.deepEqual(answers, ["a", "b", "c", "d"]);
    assert.deepEqual(calls.slice(2), alone(["b", "d"]));
  });

  Deno.test(`${many}: an answer that is none is lost, those of others and of strangers beside it are not`, async () => {
    const { answers, calls } = await askFor(
      kind,
      ["a", "b", "c", "d"],
      (ids) =>
        Response.json({ ...Object.fromEntries(ids.map((id) => [id, told(id)])), c: null, x: 1 }),
    );
    assert.deepEqual(answers, ["a", "b", "lost", "d"]);
    assert.equal(calls.length, 2);
  });

  for (
    const [what, code] of [
      ["refuses one for its data", "22003"],
      ["has had one of them before", "23505"],
      ["is chosen to end a deadlock", "40P01"],
      ["takes too long for Postgres", "57014"],
      ["is not there, in a database of before", "PGRST202"],
    ] as const
  ) {
    Deno.test(`${many}: where it ${what}, all are asked for alone`, async () => {
      const { answers, calls } = await askFor(kind, ["a", "b", "c"], () => refusal(code));
      assert.deepEqual(answers, ["a", "b", "c"]);
      assert.deepEqual(calls.slice(2), alone(["b", "c"]));
    });
  }

  for (const code of ["53100", "53300", "25006", "PGRST000", "PGRST002", "PGRST003"]) {
    Deno.test(`${many}: where nobody is served (${code}), none is asked for again`, async () => {
      const { answers, calls } = await askFor(kind, ["a", "b", "c"], () => refusal(code));
      assert.deepEqual(answers, ["a", "not done", "not done"]);
      assert.equal(calls.length, 2);
    });
  }

  for (
    const [what, answer] of [
      ["the connection to Postgres is lost", () => refusal("57P01")],
      ["the Data API has none", () => refusal("PGRST001")],
      ["a proxy answers in its place", () => new Response("bad gateway", { status: 502 })],
      ["the network fails", () => Promise.reject(new TypeError("connection reset"))],
      ["the answer is none", () => Response.json(null)],
      ["the time is up", () => Promise.reject(new DOMException("too long", "TimeoutError"))],
    ] as const
  ) {
    Deno.test(`${many}: where ${what}, all may have arrived, and none is asked for again`, async () => {
      const { answers, calls } = await askFor(kind, ["a", "b", "c"], answer);
      assert.deepEqual(answers, ["a", "lost", "lost"]);
      assert.equal(calls.length, 2);
    });
  }

  Deno.test(`${many}: two of one request never go together`, async () => {
    const { answers, calls } = await askFor(kind, ["a", "b", "b", "c"], all);
    assert.deepEqual(answers, ["a", "b", "b", "c"]);
    assert.deepEqual(calls.slice(1), [{ rpc: many, ids: ["b", "c"] }, ...alone(["b"])]);
  });
}

Deno.test("an admission begins at once; a settlement when others have had time to go with it, or must", async () => {
  for (const [{ ask, told }, begins] of [[KINDS[0]!, "at once"], [KINDS[1]!, "soon"]] as const) {
    let calls = 0;
    const answering = (() => {
      calls++;
      return Promise.resolve(Response.json(told("a")));
    }) as typeof fetch;
    const store = createStore("http://supabase.test", "x", answering, Date.now);
    const answer = ask(store, "a");
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(calls, begins === "at once" ? 1 : 0);
    store.settleSoon();
    await answer;
    assert.equal(calls, 1);
  }
});

for (const [kind, atOnce] of [[KINDS[0]!, 16], [KINDS[1]!, 29]] as const) {
  Deno.test(`${kind.many}: of 29 that it leaves out, ${atOnce} are asked for alone at once`, async () => {
    let asked = 0;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init);
      const [id] = kind.idsIn(await request.json());
      if (request.url.endsWith(kind.many)) return Response.json({});
      // All are asked for that will be, while none is answered but the first, which goes alone.
      if (++asked > 1) await released;
      return Response.json(kind.told(id!));
    }) as typeof globalThis.fetch;
    const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
    const answers = Array.from({ length: 30 }, (_, n) => kind.ask(store, `id-${n}`));
    while (asked < 1 + atOnce) await new Promise((resolve) => setTimeout(resolve));
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
    assert.equal(asked, 1 + atOnce);
    release();
    assert.equal((await Promise.all(answers)).length, 30);
  });
}

Deno.test("DIDs take turns in being admitted, however much one of them asks for", async () => {
  const together: string[][] = [];
  const fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const { p_admissions } = await new Request(input, init).json();
    if (p_admissions === undefined) return Response.json({ decision: "admitted" });
    const asked = JSON.parse(p_admissions) as { request_id: string; did: string }[];
    together.push(asked.map(({ did }) => did));
    return Response.json(
      Object.fromEntries(asked.map(({ request_id }) => [request_id, { decision: "admitted" }])),
    );
  }) as typeof globalThis.fetch;
  const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
  const dids = [...Array<string>(3 * ADMISSIONS.atOnce).fill("did:key:flood"), "did:key:quiet"];
  await Promise.all(
    dids.map((did) => store.admit(anAdmissionRequest({ did, requestId: crypto.randomUUID() }))),
  );
  assert.deepEqual(together.map((asked) => asked.indexOf("did:key:quiet")), [1, -1, -1]);
});

Deno.test("an admission that is a duplicate of itself is one whose answer got lost", async () => {
  const request = anAdmissionRequest();
  const answering = (duplicateOf: string) => () =>
    Promise.resolve(Response.json({ decision: "duplicate", request_id: duplicateOf }));
  const admitted = (duplicateOf: string) =>
    createStore("http://supabase.test", "sb_secret_x", answering(duplicateOf), Date.now)
      .admit(request);
  await assert.rejects(admitted(request.requestId), { mayHaveArrived: true });
  assert.deepEqual(await admitted("another"), { decision: "duplicate", duplicateOf: "another" });
});
