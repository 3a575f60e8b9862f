import assert from "node:assert/strict";
import { createManagement, type Management, ManagementError } from "./management.ts";
import type { KeyLimit } from "../store/key_limit.ts";

const URL_ROOT = "https://openrouter.test/api/v1";
const NO_LIMIT: KeyLimit = { creditLimit: null, creditLimitReset: null };
const PLAINTEXT = "sk-or-v1-plaintext";

/** What management hands to fetch. */
interface Init {
  method: string;
  headers: Record<string, string>;
  body?: string;
  redirect: string;
  signal: AbortSignal;
}

interface Sent extends Init {
  /** Method, path and query. */
  line: string;
}

/** A management whose calls `answer` answers, and what was sent. */
function answered(
  answer: (sent: Sent) => Response | Promise<Response>,
  workspaceId: string | null = null,
  usdPerCredit = "1",
) {
  const sent: Sent[] = [];
  const fetch = async (input: string, init: Init) => {
    const call = { ...init, line: `${init.method} ${input.slice(URL_ROOT.length)}` };
    sent.push(call);
    return await answer(call);
  };
  const management = createManagement(
    URL_ROOT,
    "sk-management",
    fetch as unknown as typeof globalThis.fetch,
    workspaceId,
    usdPerCredit,
  );
  return { management, sent };
}

async function failureOf(promise: Promise<unknown>): Promise<ManagementError> {
  const error = await promise.then(() => assert.fail("it did not fail"), (error) => error);
  assert.ok(error instanceof ManagementError, String(error));
  assert.ok(!String(error.stack).includes(PLAINTEXT));
  return error;
}

const created = () =>
  Response.json({ data: { hash: "h", name: "n" }, key: PLAINTEXT }, { status: 201 });

Deno.test("createKey sends the name and the limit's own digits, and gives hash and plaintext", async () => {
  const { management, sent } = answered(created);
  const limit: KeyLimit = { creditLimit: "12.000000000000000001", creditLimitReset: "monthly" };

  assert.deepEqual(await management.createKey('a "name"', limit), { hash: "h", key: PLAINTEXT });

  const [{ line, headers, body, redirect }] = sent as [Sent];
  assert.equal(line, "POST /keys");
  assert.equal(
    body,
    '{"name":"a \\"name\\"","limit":12.000000000000000001,"limit_reset":"monthly"}',
  );
  assert.equal(headers.authorization, "Bearer sk-management");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(redirect, "error");
});

Deno.test("a key without limit is created with null", async () => {
  const { management, sent } = answered(created);
  await management.createKey("n", NO_LIMIT);
  assert.equal(sent[0]?.body, '{"name":"n","limit":null,"limit_reset":null}');
});

Deno.test("keys are created in the gateway's workspace", async () => {
  const { management, sent } = answered(created, 'ws "1"');
  await management.createKey("n", NO_LIMIT);
  assert.equal(
    sent[0]?.body,
    '{"name":"n","limit":null,"limit_reset":null,"workspace_id":"ws \\"1\\""}',
  );
});

Deno.test("the keys of the gateway's workspace are listed, page by page", async () => {
  const keys = Array.from({ length: 150 }, (_, index) => ({ hash: `key${index}` }));
  const { management, sent } = answered(({ line }) => {
    const offset = Number(new URLSearchParams(line.split("?")[1]).get("offset"));
    return Response.json({ data: keys.slice(offset, offset + 100) });
  }, "ws&offset=0#1");
  assert.equal((await hashes(management)).length, 150);
  const query = "include_disabled=true&workspace_id=ws%26offset%3D0%231";
  assert.deepEqual(
    sent.map(({ line }) => line),
    [`GET /keys?offset=0&${query}`, `GET /keys?offset=90&${query}`],
  );
});

Deno.test("without a workspace none is named, and OpenRouter takes the default one", async () => {
  const { management, sent } = answered(() => Response.json({ data: [] }));
  await hashes(management);
  assert.deepEqual(sent.map(({ line }) => line), ["GET /keys?offset=0&include_disabled=true"]);
});

for (
  const body of [
    `{"key":"${PLAINTEXT}"}`,
    `{"key":"${PLAINTEXT}","data":{"hash":7}}`,
    '{"data":{"hash":"h"},"key":""}',
    "null",
    "[]",
    `{"data":{"hash":"h"},"key":"${PLAINTEXT}`,
    "",
  ]
) {
  Deno.test(`createKey takes no ${JSON.stringify(body)} for a key, and does not repeat it`, async () => {
    const { management } = answered(() => new Response(body, { status: 201 }));
    const { status } = await failureOf(management.createKey("n", NO_LIMIT));
    assert.equal(status, null);
  });
}

Deno.test("an error answer is its status and its Retry-After", async () => {
  const { management } = answered(() =>
    new Response(`{"error":"${PLAINTEXT}"}`, { status: 429, headers: { "retry-after": "9" } })
  );
  const { status, retryAfter } = await failureOf(management.createKey("n", NO_LIMIT));
  assert.deepEqual({ status, retryAfter }, { status: 429, retryAfter: "9" });
});

Deno.test("a broken connection has no status", async () => {
  const { management } = answered(() => Promise.reject(new TypeError("connection reset")));
  assert.equal((await failureOf(management.createKey("n", NO_LIMIT))).status, null);
});

Deno.test("a call is given up after 20 s, which is less than the lease, headers or not", async () => {
  const { timeout } = AbortSignal;
  const expiry = new AbortController();
  const waits: number[] = [];
  AbortSignal.timeout = (ms) => {
    waits.push(ms);
    return expiry.signal;
  };
  try {
    const silent = answered(({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      })
    );
    const silentBody = answered(({ signal }) =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('{"key":'));
            signal.addEventListener("abort", () => controller.error(signal.reason));
          },
        }),
      )
    );
    const failures = [silent, silentBody]
      .map(({ management }) => failureOf(management.createKey("n", NO_LIMIT)));
    expiry.abort(new DOMException("timed out", "TimeoutError"));
    for (const { status } of await Promise.all(failures)) assert.equal(status, null);
    assert.deepEqual(waits, [20_000, 20_000]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});

Deno.test("a key is put under a guardrail by its hash, whose id cannot change the path", async () => {
  const { management, sent } = answered(() => Response.json({ assigned_count: 1 }));
  await management.assignGuardrail("a/b?c", 'h"');
  const [{ line, body, headers, redirect }] = sent as [Sent];
  assert.equal(line, "POST /guardrails/a%2Fb%3Fc/assignments/keys");
  assert.equal(body, '{"key_hashes":["h\\""]}');
  assert.equal(headers.authorization, "Bearer sk-management");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(redirect, "error");
});

Deno.test("an answer that says nothing of how many keys were assigned is taken for success", async () => {
  for (const body of ["{}", "null", '{"data":{}}']) {
    await answered(() => new Response(body)).management.assignGuardrail("g", "h");
  }
});

const UNASSIGNED: [
  what: string,
  answer: () => Response | Promise<Response>,
  status: number | null,
][] = [
  ["404", () => new Response("{}", { status: 404 }), 404],
  ["429", () => new Response("{}", { status: 429, headers: { "retry-after": "9" } }), 429],
  ["503 in HTML", () => new Response("<html>", { status: 503 }), 503],
  ["200 without JSON", () => new Response("<html>"), null],
  ["200 that assigned none", () => Response.json({ assigned_count: 0 }), null],
  ["a broken connection", () => Promise.reject(new TypeError("connection reset")), null],
];

for (const [what, answer, status] of UNASSIGNED) {
  Deno.test(`a guardrail is not assigned by ${what}, and the error names the operator's variable`, async () => {
    const failure = await failureOf(answered(answer).management.assignGuardrail("g-1", "h"));
    assert.equal(failure.status, status);
    assert.equal(failure.retryAfter, status === 429 ? "9" : null);
    assert.match(
      failure.message,
      /POST \/guardrails\/\{OPENROUTER_GUARDRAIL_ID\}\/assignments\/keys/,
    );
    assert.ok(!failure.message.includes("g-1"));
  });
}

Deno.test("setLimit sends the limit's own digits", async () => {
  const { management, sent } = answered(() => Response.json({ data: {} }));
  await management.setLimit("a/b", { creditLimit: "0.10", creditLimitReset: null });
  assert.equal(sent[0]?.line, "PATCH /keys/a%2Fb");
  assert.equal(sent[0]?.body, '{"limit":0.10,"limit_reset":null}');
});

Deno.test("a key that is gone counts as deleted, one that is refused does not", async () => {
  const { management, sent } = answered(() => new Response("{}", { status: 404 }));
  await management.deleteKey("h");
  assert.equal(sent[0]?.line, "DELETE /keys/h");
  assert.equal(sent[0]?.body, undefined);

  const refusing = answered(() => new Response("{}", { status: 403 }));
  assert.equal((await failureOf(refusing.management.deleteKey("h"))).status, 403);
});

/** A list of keys that is served in pages of 100 as it is when each page is asked for. */
function listing(count: number, beforePage: (keys: string[], page: number) => void = () => {}) {
  const keys = Array.from({ length: count }, (_, index) => `key${index}`);
  let pages = 0;
  const { management, sent } = answered(({ line }) => {
    beforePage(keys, pages++);
    const query = new URLSearchParams(line.split("?")[1]);
    assert.equal(query.get("include_disabled"), "true");
    const offset = Number(query.get("offset"));
    return Response.json({ data: keys.slice(offset, offset + 100).map((hash) => ({ hash })) });
  });
  return { management, sent, keys };
}

async function hashes(management: Management): Promise<string[]> {
  const listed: string[] = [];
  for await (const { hash } of management.listKeys()) listed.push(hash);
  return listed;
}

for (const count of [0, 1, 99, 100, 101, 190, 191, 250, 1000]) {
  Deno.test(`${count} keys are listed once each, in order`, async () => {
    const { management, keys } = listing(count);
    assert.deepEqual(await hashes(management), keys);
  });
}

Deno.test("keys that are made while listing neither hide others nor repeat them", async () => {
  const { management, keys } = listing(500, (keys, page) => {
    if (page > 0) keys.unshift(...Array.from({ length: 30 }, (_, n) => `new${page}-${n}`));
  });
  const before = [...keys];
  assert.deepEqual(await hashes(management), before);
});

for (const gone of [1, 9, 10, 50, 100]) {
  Deno.test(`${gone} keys that are deleted between pages hide no other`, async () => {
    const { management, keys } = listing(500, (keys, page) => {
      if (page === 1) keys.splice(0, gone);
    });
    const before = [...keys];
    const listed = await hashes(management);
    assert.equal(new Set(listed).size, listed.length);
    for (const key of before.slice(gone)) assert.ok(listed.includes(key), key);
  });
}

Deno.test("a list that never holds still is given up", async () => {
  const { management } = listing(50_000, (keys) => keys.splice(0, 200));
  const error = await failureOf(hashes(management));
  assert.match(error.message, /deleted faster than they are listed/);
});

Deno.test("limits are told and read in credits, at the operator's rate", async () => {
  const { management, sent } = answered(
    ({ method }) =>
      Response.json(method === "GET" ? { data: [{ hash: "a", limit: 2_500_000 }] } : { data: {} }),
    null,
    "0.000001",
  );
  await management.setLimit("h", { creditLimit: "2.5", creditLimitReset: "daily" });
  assert.equal(sent[0]?.body, '{"limit":2500000,"limit_reset":"daily"}');
  const [key] = await Array.fromAsync(management.listKeys());
  assert.equal(key?.limit, "2.5");
});

Deno.test("a listed limit keeps its digits", async () => {
  const { management } = answered(() =>
    new Response(
      '{"data":[{"hash":"a","limit":12.000000000000000001,"limit_reset":"daily"},' +
        '{"hash":"b","limit":1e-7},{"hash":"c","limit":null}]}',
    )
  );
  const limits: unknown[] = [];
  for await (const { limit } of management.listKeys()) limits.push(limit);
  assert.deepEqual(limits, ["12.000000000000000001", "1e-7", null]);
});

Deno.test("an answer without a list is an error", async () => {
  for (const body of ["{}", "null", '{"data":{}}']) {
    const { management } = answered(() => new Response(body));
    assert.equal((await failureOf(hashes(management))).status, null);
  }
});
