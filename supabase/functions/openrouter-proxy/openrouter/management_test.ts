import assert from "node:assert/strict";
import { answered, failureOf, type Sent } from "../testing/management_answers.ts";

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
  told: string,
][] = [
  [
    "404",
    () => new Response("{}", { status: 404 }),
    404,
    "OpenRouter answered ROUTE with status 404",
  ],
  [
    "429",
    () => new Response("{}", { status: 429, headers: { "retry-after": "9" } }),
    429,
    "OpenRouter answered ROUTE with status 429",
  ],
  [
    "503 in HTML",
    () => new Response("<html>", { status: 503 }),
    503,
    "OpenRouter answered ROUTE with status 503",
  ],
  [
    "200 without JSON",
    () => new Response("<html>"),
    null,
    "OpenRouter answered ROUTE with no JSON",
  ],
  [
    "200 that assigned none",
    () => Response.json({ assigned_count: 0 }),
    null,
    "OpenRouter assigned no key in ROUTE",
  ],
  [
    "a broken connection",
    () => Promise.reject(new TypeError("connection reset")),
    null,
    "OpenRouter did not answer ROUTE",
  ],
];

for (const [what, answer, status, told] of UNASSIGNED) {
  Deno.test(`a guardrail is not assigned by ${what}, and the error names the operator's variable`, async () => {
    const failure = await failureOf(answered(answer).management.assignGuardrail("g-1", "h"));
    assert.equal(failure.status, status);
    assert.equal(failure.retryAfter, status === 429 ? "9" : null);
    const route = "POST /guardrails/{OPENROUTER_GUARDRAIL_ID}/assignments/keys";
    assert.equal(failure.message, told.replace("ROUTE", route));
  });
}

for (const status of [400, 404, 410, 422]) {
  Deno.test(`a generation whose id is answered ${status} is not known`, async () => {
    const { management } = answered(() => new Response("{}", { status }));
    assert.equal(await management.generation("resp_1"), null);
  });
}

Deno.test("a generation's amounts of money come with every digit", async () => {
  const { management } = answered(() =>
    new Response(
      '{"data":{"id":"gen-1","total_cost":0.10000000000000000001,"upstream_inference_cost":7e-10,' +
        '"tokens_prompt":5}}',
    )
  );
  assert.deepEqual(await management.generation("gen-1"), {
    id: "gen-1",
    total_cost: "0.10000000000000000001",
    upstream_inference_cost: "7e-10",
    tokens_prompt: 5,
  });
});

Deno.test("a management key that may not read generations is no unknown generation", async () => {
  for (const status of [401, 403]) {
    const { management } = answered(() => new Response("{}", { status }));
    assert.equal((await failureOf(management.generation("gen-1"))).status, status);
  }
});

Deno.test("an answer without its data is no answer, and the error tells of which request", async () => {
  for (const data of [undefined, null, [], "x"]) {
    const { management } = answered(() => Response.json({ data }));
    const failure = await failureOf(management.generation("gen-1"));
    assert.match(failure.message, /GET \/generation lacks its data/);
    assert.ok(!failure.message.includes("gen-1"));
  }
});

Deno.test("a generation's id cannot change the path, nor a key's hash", async () => {
  const { management, sent } = answered(() => Response.json({ data: { usage: 1 } }));
  await management.generation("a&b=/../#é");
  await management.isAlive("a/b?c", 0);
  assert.deepEqual(sent.map(({ line }) => line), [
    "GET /generation?id=a%26b%3D%2F..%2F%23%C3%A9",
    "GET /keys/a%2Fb%3Fc",
  ]);
});
