import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import type { RequestEnv } from "../http/request_log.ts";
import type { LoggedRequest } from "../store/usage.ts";
import { identifiedAs, identifyAs } from "../testing/identified.ts";
import { cursorAfter } from "./cursor.ts";
import { createUsageRequest, createUsageRequests } from "./requests_route.ts";

const DID = "did:key:z6Mk";
const ID = "0191e0a4-0000-7000-8000-0123456789ab";

function request(second: number): LoggedRequest {
  return {
    id: ID.slice(0, -2) + String(second).padStart(2, "0"),
    request_time: `2026-11-27T10:30:${String(second).padStart(2, "0")}.000001Z`,
    response_time: null,
    status: "completed",
    model: "openai/gpt-4o-mini",
    provider: "OpenAI",
    endpoint: "/chat/completions",
    streaming: true,
    http_status: 200,
    input_tokens: 37,
    output_tokens: 8,
    cached_tokens: 0,
    reasoning_tokens: 0,
    // A binary float would make 0.30000000000000004 of it.
    cost: "0.30000000000000000001",
    cost_source: "response",
    generation_id: "gen-1",
    session: "s",
    label: null,
    error_message: null,
  };
}

/** What the routes answer where the log holds so much, and what they asked it for. */
async function answerTo(path: string, log: LoggedRequest[] = []) {
  const asked: unknown[] = [];
  const identity = { did: DID, replay: null, tokenIssuedAt: null };
  const identify = identifyAs(identifiedAs(identity));
  const store = {
    tokenIsRevoked: () => Promise.resolve(false),
    usageRequests(...args: unknown[]) {
      asked.push(args);
      return Promise.resolve(log.slice(0, args[1] as number));
    },
    usageRequest(...args: unknown[]) {
      asked.push(args);
      return Promise.resolve(log[0] ?? null);
    },
  };
  const upToDate = () => Promise.resolve();
  const app = new Hono<RequestEnv>();
  app.get("/requests", createUsageRequests(identify, store, upToDate));
  app.get("/requests/:id", createUsageRequest(identify, store, upToDate));
  app.onError((error) => errorResponse(error, "request-1"));
  const response = await app.request(`http://edge${path}`);
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text), asked };
}

Deno.test("requests have the shape of docs/protocol.md, and costs all their digits", async () => {
  const { text, json } = await answerTo("/requests", [request(1), { ...request(0), cost: null }]);
  assert.match(text, /"cost":0\.30000000000000000001[,}]/);
  const { success, data } = json;
  assert.equal(success, true);
  assert.equal(data.next_cursor, null);
  assert.equal(data.requests[1].cost, null);
  assert.deepEqual(
    { ...data.requests[0], cost: null },
    { ...request(1), cost: null },
  );
});

Deno.test("a page has fifty requests, or as many as are asked for, and the cursor of its last one", async () => {
  const log = Array.from({ length: 60 }, (_, index) => request(59 - index));
  const page = await answerTo("/requests", log);
  assert.equal(page.json.data.requests.length, 50);
  const last = log[49]!;
  const cursor = cursorAfter({ requestTime: last.request_time, id: last.id });
  assert.equal(page.json.data.next_cursor, cursor);
  assert.deepEqual(page.asked, [[DID, 51, null, { session: null, label: null }]]);

  const next = await answerTo(
    `/requests?limit=60&cursor=${cursor}&session=s%201&label=%C3%A9`,
    log,
  );
  assert.equal(next.json.data.requests.length, 60);
  assert.equal(next.json.data.next_cursor, null);
  const after = { requestTime: last.request_time, id: last.id };
  assert.deepEqual(next.asked, [[DID, 61, after, { session: "s 1", label: "é" }]]);
});

Deno.test("a page has from one to two hundred requests", async () => {
  for (const limit of [1, 200]) {
    const { asked } = await answerTo(`/requests?limit=${limit}`);
    assert.equal((asked as unknown[][])[0]?.[1], limit + 1);
  }
});

Deno.test("a log without requests is an empty page", async () => {
  const { json } = await answerTo("/requests");
  assert.deepEqual(json.data, { requests: [], next_cursor: null });
});

for (
  const [query, param] of [
    ["limit=0", "limit"],
    ["limit=201", "limit"],
    ["limit=-1", "limit"],
    ["limit=1e2", "limit"],
    ["limit=", "limit"],
    ["limit=10&limit=20", "limit"],
    ["cursor=", "cursor"],
    ["cursor=x", "cursor"],
    ["session=", "session"],
    [`session=${"a".repeat(129)}`, "session"],
    ["label=%00", "label"],
    ["label=a&label=b", "label"],
    ["page=2", "page"],
  ]
) {
  Deno.test(`requests?${query!.slice(0, 30)} is a bad request, and Postgres is not asked`, async () => {
    const { status, json, asked } = await answerTo(`/requests?${query}`);
    assert.equal(status, 400);
    assert.deepEqual([json.error.type, json.error.param], ["invalid_request", param]);
    if (query!.startsWith("limit") && !query!.includes("&")) {
      assert.equal(json.error.message, "limit must be a number from 1 to 200");
    }
    assert.deepEqual(asked, []);
  });
}

Deno.test("one request is found by its id in either case", async () => {
  const { json, asked } = await answerTo(`/requests/${ID.toUpperCase()}`, [request(1)]);
  assert.equal(json.data.id, request(1).id);
  assert.deepEqual(asked, [[DID, ID]]);
});

Deno.test("a request that is not in the caller's log is not found", async () => {
  const { status, json } = await answerTo(`/requests/${ID.toUpperCase()}`);
  assert.deepEqual([status, json.error.type, json.error.message], [
    404,
    "not_found",
    `you have no request ${ID}: only calls that may cost are logged, and not for ever`,
  ]);
});

for (const bad of ["1", "gen-1", ID.slice(1), `${ID}0`, `0${ID}`, "%00", ID.replaceAll("-", "")]) {
  Deno.test(`${bad} is no request's id, and Postgres is not asked`, async () => {
    const { status, json, asked } = await answerTo(`/requests/${bad}`);
    assert.deepEqual([status, json.error.param, asked], [400, "id", []]);
    assert.equal(
      json.error.message,
      "a request's id is the x-request-id of its answer: 32 hex digits with hyphens",
    );
  });
}
