import assert from "node:assert/strict";
import { knownUsage } from "../books/known_usage.ts";
import { nothingObserved } from "../metering/usage.ts";
import { ADMISSIONS } from "./batched_calls.ts";
import { createStore } from "./store.ts";
import { StoreUnavailable } from "./rpc.ts";
import { anAdmissionRequest } from "../testing/admissions.ts";
import { aSettlement } from "../testing/settlements.ts";
import { fakeFetch, silentFetch } from "../testing/fake_fetch.ts";
import { timersLeft } from "../testing/timers_left.ts";
import { withTimersDue } from "../testing/with_timeouts.ts";

const ADMISSION = anAdmissionRequest();

Deno.test("admissions fail at once, and arrive nowhere, while the store times out", async () => {
  let nowMs = 0;
  let asked = 0;
  const silent = () => {
    asked++;
    nowMs += 10_000;
    return Promise.reject(new DOMException("it took too long", "TimeoutError"));
  };
  const store = createStore("http://supabase.test", "sb_secret_x", silent, () => nowMs);
  const failure = () =>
    store.admit(ADMISSION).then(
      () => assert.fail("it was admitted"),
      (error) => {
        assert.ok(error instanceof StoreUnavailable);
        return error.mayHaveArrived;
      },
    );
  for (let call = 0; call < 3; call++) assert.equal(await failure(), true);
  assert.equal(asked, 3);

  // One of them finds out whether the store answers again; the others do not wait for that.
  assert.deepEqual(await Promise.all([failure(), failure(), failure()]), [true, false, false]);
  assert.equal(asked, 4);
});

const ERRORS: [what: string, answer: object, mayHaveArrived: boolean][] = [
  ["a constraint of Postgres", { code: "23514", message: "x" }, false],
  ["a statement that took too long", { code: "57014", message: "x" }, false],
  ["a proxy that numbers its errors", { code: 504, message: "x" }, true],
  ["a proxy that names its errors", { code: "UPSTREAM_TIMEOUT", message: "x" }, true],
  ["a proxy that has no code", { message: "x" }, true],
  ["having been admitted before", { code: "23505", message: "x" }, true],
  ["a date that is none", { code: "22008", message: "x" }, false],
  ["a connection that broke", { code: "08006", message: "x" }, true],
  ["Postgres being shut down", { code: "57P01", message: "x" }, true],
  ["a connection of the Data API that broke", { code: "PGRST001", message: "x" }, true],
  ["a Data API that finds no Postgres", { code: "PGRST000", message: "x" }, false],
  ["a Data API whose connections are all in use", { code: "PGRST003", message: "x" }, false],
  ["a Postgres without room for connections", { code: "53300", message: "x" }, false],
];

for (const [what, answer, mayHaveArrived] of ERRORS) {
  Deno.test(`an admission that fails for ${what} may ${mayHaveArrived ? "" : "not "}have arrived`, async () => {
    const failing = () => Promise.resolve(Response.json(answer, { status: 500 }));
    const store = createStore("http://supabase.test", "sb_secret_x", failing, Date.now);
    await assert.rejects(store.admit(ADMISSION), (error) => {
      assert.ok(error instanceof StoreUnavailable);
      assert.equal(error.mayHaveArrived, mayHaveArrived);
      assert.deepEqual([error.type, error.headers], ["store_unavailable", { "retry-after": "2" }]);
      assert.equal(
        error.message,
        "the gateway's database did not take the request; nothing was forwarded, try again",
      );
      if ("code" in answer) assert.equal(error.cause, `admit_request: ${answer.code} x`);
      return true;
    });
  });
}

/** What has been seen of proxies in front of the Data API, and what postgrest-js takes for a success. */
const UNUSABLE: [what: string, answer: () => Response][] = [
  ["an empty body", () => new Response("")],
  ["no content", () => new Response(null, { status: 204 })],
  ["a page", () => new Response("<html></html>")],
  ["null", () => Response.json(null)],
  ["an empty list", () => Response.json([])],
  ["an object without its members", () => Response.json({})],
  ["what a newer database may say", () => Response.json({ decision: "new", state: "new" })],
  ["an empty 404", () => new Response("", { status: 404 })],
  ["a 404 with a list", () => Response.json([], { status: 404 })],
  ["a 500 with null", () => Response.json(null, { status: 500 })],
  ["a page with 520", () => new Response("<html></html>", { status: 520 })],
];
const ASKED: [what: string, ask: (store: NewStore) => Promise<unknown>][] = [
  ["an admission", (store) => store.admit(ADMISSION)],
  ["a settlement", (store) => store.settle(aSettlement())],
  ["a withdrawal", (store) => store.withdraw("id")],
  ["a claim", (store) => store.claimProvisioning("did:key:z6Mk", "attempt", null)],
];

for (const [what, answer] of UNUSABLE) {
  Deno.test(`whoever is answered ${what} is told that the store is unavailable, and may have arrived`, async () => {
    const fetch = fakeFetch(() => Promise.resolve(answer()));
    const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
    for (const [asked, ask] of ASKED) {
      await assert.rejects(ask(store), (error) => {
        assert.ok(error instanceof StoreUnavailable, `${asked}: ${error}`);
        assert.equal(error.mayHaveArrived, true, asked);
        return true;
      });
    }
  });
}

Deno.test("what a newer database may say is named by whom it was asked", async () => {
  const fetch = fakeFetch(() => Promise.resolve(Response.json({ decision: "new", state: "new" })));
  const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
  const rpcs = ["admit_request", "settle_request", "withdraw_request", "claim_key_provisioning"];
  for (const [i, [, ask]] of ASKED.entries()) {
    const cause = `${rpcs[i]}: its answer is none that this gateway knows`;
    await assert.rejects(ask(store), { type: "store_unavailable", cause });
  }
});

Deno.test("an admission that was admitted before, by an answer that got lost, is told as that", async () => {
  const answer = { decision: "duplicate", request_id: ADMISSION.requestId };
  const fetch = fakeFetch(() => Promise.resolve(Response.json(answer)));
  const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
  const cause = "admit_request: its answer is none that this gateway knows";
  await assert.rejects(store.admit(ADMISSION), { cause, mayHaveArrived: true });
});

Deno.test("an admission that is not asked for says why", async () => {
  let nowMs = 0;
  const silent = () => {
    nowMs += 10_000;
    return Promise.reject(new DOMException("it took too long", "TimeoutError"));
  };
  const store = createStore("http://supabase.test", "sb_secret_x", silent, () => nowMs);
  for (let call = 0; call < 3; call++) await assert.rejects(store.admit(ADMISSION));
  const probe = store.admit(ADMISSION);
  const cause = "several calls in a row have timed out";
  await assert.rejects(store.admit(ADMISSION), { cause, mayHaveArrived: false });
  await assert.rejects(probe);
});

for (const [ms, isAsked] of [[9_899, true], [9_900, false]] as const) {
  Deno.test(`calls that failed after ${ms} ms ${isAsked ? "have not" : "have"} timed out`, async () => {
    let nowMs = 0;
    let asked = 0;
    const failing = () => {
      asked++;
      nowMs += ms;
      return Promise.reject(new TypeError("connection reset"));
    };
    const store = createStore("http://supabase.test", "sb_secret_x", failing, () => nowMs);
    for (let call = 0; call < 3; call++) await assert.rejects(store.admit(ADMISSION));
    const probe = store.admit(ADMISSION);
    await assert.rejects(store.admit(ADMISSION));
    await assert.rejects(probe);
    assert.equal(asked, isAsked ? 5 : 4);
  });
}

const HEADER = "eyJhbGciOiJIUzI1NiJ9";
for (
  const [key, isJwt] of [
    [`${HEADER}.e30.c2ln`, true],
    ["sb_secret_x", false],
    [`x${HEADER}.e30.c2ln`, false],
    [`${HEADER}.e30.c2ln.x`, false],
    [`${HEADER}.e30.`, false],
    [`${HEADER}..c2ln`, false],
    ["ey.e30.c2ln", false],
  ] as const
) {
  Deno.test(`the key ${key} is ${isJwt ? "" : "not "}sent as a Bearer token, too`, async () => {
    let sent = new Headers();
    const fetch = ((_: unknown, init: RequestInit) => {
      sent = new Headers(init.headers);
      return Promise.resolve(Response.json([]));
    }) as typeof globalThis.fetch;
    await createStore("http://supabase.test", key, fetch, Date.now).ping();
    assert.equal(sent.get("apikey"), key);
    assert.equal(sent.get("authorization"), isJwt ? `Bearer ${key}` : null);
  });
}

Deno.test("what is read of tables is awaited for ten seconds", async () => {
  const store = createStore("http://supabase.test", "sb_secret_x", silentFetch, Date.now);
  const waits = await withTimersDue(async () => {
    await assert.rejects(store.ping(), { type: "store_unavailable", mayHaveArrived: false });
    await assert.rejects(store.encryptedKeyOf("did:key:z"), { type: "store_unavailable" });
  });
  assert.deepEqual(waits, [10_000, 10_000]);
});

Deno.test("an answer that has no rows is none that says that there is no key", async () => {
  const fetch = fakeFetch(() => Promise.resolve(Response.json({})));
  const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
  await assert.rejects(store.encryptedKeyOf("did:key:z"), {
    cause: "user_api_keys: no rows",
    mayHaveArrived: false,
  });
});

Deno.test("a store that cannot be asked is asked once, whatever is read", async () => {
  for (
    const answer of [
      () => new Response("", { status: 503 }),
      () => new Response("", { status: 520 }),
    ]
  ) {
    let asked = 0;
    const fetch = fakeFetch(() => {
      asked++;
      return Promise.resolve(answer());
    });
    const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
    await assert.rejects(store.ping(), StoreUnavailable);
    await assert.rejects(store.encryptedKeyOf("did:key:z6Mk"), StoreUnavailable);
    assert.equal(asked, 2);
  }
});

Deno.test("nobody waits for a store that hangs much longer than for one call", async () => {
  const begun: ((reason: unknown) => void)[] = [];
  const hanging = fakeFetch(() => new Promise((_, reject) => begun.push(reject)));
  const store = createStore("http://supabase.test", "sb_secret_x", hanging, Date.now);
  const admissions = Array.from(
    { length: 2 * ADMISSIONS.atOnce + 1 },
    () => store.admit(anAdmissionRequest()),
  );
  // The first alone, the others beside it, each with a time-out of its own.
  while (begun.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(begun.length, 3);
  for (const end of begun) end(new TypeError("it hangs"));
  await Promise.allSettled(admissions);
});

Deno.test("after three admissions that took their whole time, one at a time finds out", async () => {
  let nowMs = 0;
  let asked = 0;
  const probe = Promise.withResolvers<Response>();
  const late = fakeFetch(() => {
    asked++;
    // Timers are no more exact than that.
    nowMs += 9_900;
    return asked === 4 ? probe.promise : Promise.reject(new TypeError("late"));
  });
  const store = createStore("http://supabase.test", "sb_secret_x", late, () => nowMs);
  for (let n = 0; n < 3; n++) {
    await assert.rejects(store.admit(ADMISSION), { mayHaveArrived: true });
  }
  const asking = store.admit(ADMISSION);
  while (asked < 4) await new Promise((resolve) => setTimeout(resolve));
  await assert.rejects(store.admit(ADMISSION), { mayHaveArrived: false });
  assert.equal(asked, 4);
  probe.reject(new TypeError("late"));
  await assert.rejects(asking, { mayHaveArrived: true });
});

Deno.test("a call has 10 s, and may have arrived where it takes longer", async () => {
  const waits = await withTimersDue(async () => {
    const store = createStore("http://supabase.test", "sb_secret_x", silentFetch, Date.now);
    await assert.rejects(store.admit(ADMISSION), { mayHaveArrived: true });
  });
  assert.deepEqual([...new Set(waits)], [10_000]);
});

Deno.test("a call leaves no timer, whatever comes of it", async () => {
  const outcomes: [string, () => Promise<Response>][] = [
    ["an answer", () => Promise.resolve(Response.json([]))],
    ["a refusal", () => Promise.resolve(new Response("", { status: 503 }))],
    ["a broken connection", () => Promise.reject(new TypeError("reset"))],
  ];
  for (const [outcome, answer] of outcomes) {
    const store = createStore("http://supabase.test", "sb_secret_x", fakeFetch(answer), Date.now);
    const asked = [
      () => store.ping(),
      () => store.encryptedKeyOf("did:key:z"),
      () => store.admit(ADMISSION),
    ];
    for (const ask of asked) {
      assert.equal(await timersLeft(() => ask().catch(() => {})), 0, outcome);
    }
  }
});

type NewStore = ReturnType<typeof createStore>;

const ALERT_ID = "22222222-2222-4222-8222-222222222222";

const NO_USAGE = {
  model: null,
  provider: null,
  native_finish_reason: null,
  input_tokens: null,
  output_tokens: null,
  cached_tokens: null,
  reasoning_tokens: null,
  upstream_cost: null,
  usd_per_credit: "1",
};

const CALLS: [
  rpc: string,
  args: object,
  answer: unknown,
  call: (store: NewStore) => Promise<unknown>,
][] = [
  [
    "account_limits",
    { p_did: "did:key:z6Mk" },
    { did: "did:key:z6Mk", budgets: [] },
    (store) => store.accountLimits("did:key:z6Mk"),
  ],
  [
    "claim_key_provisioning",
    { p_did: "did:key:z6Mk", p_attempt_id: "attempt", p_broken_key_hash: "hash" },
    { state: "in_progress" },
    (store) => store.claimProvisioning("did:key:z6Mk", "attempt", "hash"),
  ],
  [
    "claim_budget_alerts",
    { p_limit: 4 },
    { alerts: [{ id: ALERT_ID }], left: 2 },
    (store) => store.claimBudgetAlerts(4),
  ],
  [
    "complete_key_provisioning",
    {
      p_did: "did:key:z6Mk",
      p_attempt_id: "attempt",
      p_openrouter_key_hash: "hash",
      p_encrypted_api_key: "sealed",
      p_key_name: "name",
      p_credit_limit: "2.5",
      p_credit_limit_reset: "daily",
    },
    true,
    (store) =>
      store.completeProvisioning({
        did: "did:key:z6Mk",
        attemptId: "attempt",
        hash: "hash",
        encryptedApiKey: "sealed",
        name: "name",
        limit: { creditLimit: "2.5", creditLimitReset: "daily" },
      }),
  ],
  ["withdraw_request", { p_request_id: "r" }, true, (store) => store.withdraw("r")],
  [
    "book_cost",
    {
      p_cost: {
        request_id: "r",
        request_time: "t",
        cost: "1",
        cost_source: "response",
        ...NO_USAGE,
      },
    },
    true,
    (store) =>
      store.bookCost({
        ...knownUsage(nothingObserved(), "1"),
        row: { requestId: "r", requestTime: "t" },
        cost: "1",
        costSource: "response",
      }),
  ],
  [
    "note_parts",
    { p_did: "did:key:z6Mk", p_generation_ids: ["g"] },
    null,
    async (store) => await store.noteParts("did:key:z6Mk", ["g"]) ?? null,
  ],
  [
    "claim_cost_checks",
    { p_limit: 2 },
    { checks: [], left: 0 },
    (store) => store.claimCostChecks(2),
  ],
  ["expire_stale_requests", {}, 3, (store) => store.expireStaleRequests()],
  ["end_budget_alert", { p_id: ALERT_ID }, true, (store) => store.endBudgetAlert(ALERT_ID)],
];

for (const [rpc, args, answer, call] of CALLS) {
  Deno.test(`${rpc} is called with ${Object.keys(args)}, and what it returns is returned`, async () => {
    const seen: unknown[] = [];
    const answering = (async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init);
      seen.push(new URL(request.url).pathname, await request.json());
      return Response.json(answer);
    }) as typeof fetch;
    const store = createStore("http://supabase.test", "sb_secret_x", answering, Date.now);
    assert.deepEqual(await call(store), answer);
    assert.deepEqual(seen, [`/rest/v1/rpc/${rpc}`, args]);
  });
}

for (const alerted of [true, false]) {
  Deno.test(`a call that no budget has room for ${alerted ? "brings" : "does not bring"} an alert about`, async () => {
    const answer = {
      decision: "budget_exceeded",
      scope: "did",
      period: "day",
      limit_usd: "2",
      spent_usd: "1.5",
      reserved_usd: "0.25",
      estimate_usd: "0.5",
      resets_at: "2026-11-28T00:00:00+00:00",
      ...(alerted && { alerted }),
    };
    const fetch = fakeFetch(() => Promise.resolve(Response.json(answer)));
    const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
    assert.deepEqual(await store.admit(ADMISSION), {
      decision: "budget_exceeded",
      scope: "did",
      period: "day",
      limitUsd: "2",
      spentUsd: "1.5",
      reservedUsd: "0.25",
      estimateUsd: "0.5",
      resetsAt: "2026-11-28T00:00:00+00:00",
      alerted,
    });
  });
}

Deno.test("a new secret key is no Bearer token, whatever variable it came in; a legacy key is one, too", async () => {
  const headersWith = async (key: string) => {
    let sent = new Headers();
    const answering = ((input: RequestInfo | URL, init?: RequestInit) => {
      sent = new Request(input, init).headers;
      return Promise.resolve(Response.json(true));
    }) as typeof fetch;
    await createStore("http://supabase.test", key, answering, Date.now).endBudgetAlert(ALERT_ID);
    return [sent.get("apikey"), sent.get("authorization")];
  };
  assert.deepEqual(await headersWith("sb_secret_x"), ["sb_secret_x", null]);
  const legacy = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln";
  assert.deepEqual(await headersWith(legacy), [legacy, `Bearer ${legacy}`]);
});

Deno.test("what is read of a table is asked for by its name, and a failure is the store's", async () => {
  const asked: string[] = [];
  let answer = () => Response.json([{ encrypted_api_key: "sealed" }]);
  const fetch = fakeFetch(({ url }) => {
    const { pathname, search } = new URL(url);
    asked.push(decodeURIComponent(pathname + search));
    return Promise.resolve(answer());
  });
  const waits = await withTimersDue(async () => {
    const store = createStore("http://supabase.test", "sb_secret_x", fetch, Date.now);
    assert.equal(await store.encryptedKeyOf("did:key:z6Mk"), "sealed");
    assert.equal(await store.ping(), undefined);
    answer = () => Response.json([]);
    assert.equal(await store.encryptedKeyOf("did:key:z6Mk"), null);
    for (const none of [{}, null, "x"]) {
      answer = () => Response.json(none);
      await assert.rejects(store.encryptedKeyOf("did:key:z6Mk"), { mayHaveArrived: false });
    }
    answer = () => Response.json({ code: "42501", message: "not yours" }, { status: 403 });
    await assert.rejects(store.encryptedKeyOf("did:key:z6Mk"), {
      mayHaveArrived: false,
      cause: "user_api_keys: 42501 not yours",
    });
    await assert.rejects(store.ping(), {
      mayHaveArrived: false,
      cause: "ping: 42501 not yours",
    });
  });
  const key = "/rest/v1/user_api_keys?select=encrypted_api_key&did=eq.did:key:z6Mk&limit=1";
  const ping = "/rest/v1/gateway_settings?select=only_row&limit=1";
  assert.deepEqual(asked, [key, ping, key, key, key, key, key, ping]);
  assert.deepEqual([...new Set(waits)], [10_000]);
});
