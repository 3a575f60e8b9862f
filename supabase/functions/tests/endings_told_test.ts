/** Answers that tell their end or their usage in an odd way, from the wire to the row. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { call, chat, newIdentity } from "./harness/client.ts";
import type { RequestRow } from "./harness/database.ts";
import { startFront } from "./harness/front.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld({ env: { OPENROUTER_API_URL: front.url } });
Deno.test.beforeAll(() => {
  front.target = world.openrouter.url;
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";
const CHAT = "/chat/completions";
const SSE = "text/event-stream";
const JSON_TYPE = "application/json";
const BROKE = "upstream_unreachable: OpenRouter's answer ended before it was complete";
const EMPTY = "OpenRouter's answer is empty, or was cut off";

const USAGE = '"usage":{"prompt_tokens":3,"completion_tokens":4,"cost":0.5}';
const DONE = "data: [DONE]\n\n";
const data = (...events: string[]) => events.map((event) => `data: ${event}\n\n`).join("");

interface Case {
  what: string;
  path?: string;
  /** The content-type; null: none. */
  type: string | null;
  headers?: Record<string, string>;
  body: string;
  /** What happens to the connection behind the body. */
  then?: "ends" | "is reset" | "stays open";
  /** Whether the client's connection breaks. */
  isBroken?: boolean;
  row: Partial<RequestRow>;
}

const COMPLETED = { status: "completed", error_message: null } as const;
const failed = (error_message: string) => ({ status: "failed", error_message } as const);
/** What the simulator and the front know nothing of: nobody finds the cost. */
const UNKNOWN = { total_cost: null } as const;

/** Usage of a stream of the Messages API, told at its beginning and at its end. */
function message(start: string, end: string): string {
  return data(
    `{"type":"message_start","message":{"id":"m","usage":{${start},"output_tokens":1}}}`,
    `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{${end},"cost":0.5}}`,
    '{"type":"message_stop"}',
  );
}

const CASES: Case[] = [
  {
    what: "an error in JSON that says that it is a stream",
    type: SSE,
    body: '{"error":{"code":429,"message":"slow down"}}',
    row: { ...failed("429: slow down"), total_cost: "0" },
  },
  {
    what: "an error that is all of a stream, and names no generation",
    path: "/messages",
    type: SSE,
    body:
      'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"slow"}}\n\n',
    row: { ...failed("rate_limit_error: slow"), total_cost: "0" },
  },
  ...["text/plain", null].map((type): Case => ({
    what: `JSON under the type ${type}`,
    type,
    body: `{"id":"gen-body",${USAGE}}`,
    row: { ...COMPLETED, total_cost: "0.5", generation_id: "gen-body" },
  })),
  {
    what: "a stream that says that it is JSON",
    type: JSON_TYPE,
    body: data(`{"id":"gen-body","choices":[{"finish_reason":"stop"}],${USAGE}}`) + DONE,
    row: { ...COMPLETED, total_cost: "0.5", generation_id: "gen-body" },
  },
  {
    what: "a stream with spaces after its colons, without usage and [DONE]",
    type: SSE,
    body: data('{"choices": [{"delta": {}}]}', '{"choices": [{"finish_reason": "stop"}]}'),
    row: { ...COMPLETED, ...UNKNOWN },
  },
  ...(["is reset", "stays open"] as const).map((then): Case => ({
    what: `a stream whose connection ${then} after usage and [DONE]`,
    type: SSE,
    body: data(`{"choices":[{"finish_reason":"stop"}],${USAGE}}`) + DONE,
    then,
    row: { ...COMPLETED, total_cost: "0.5" },
  })),
  { what: "a stream of 0 bytes", type: SSE, body: "", row: { ...failed(EMPTY), ...UNKNOWN } },
  {
    what: "a stream of comments alone",
    type: SSE,
    body: ": OPENROUTER PROCESSING\n\n",
    row: { ...failed(EMPTY), ...UNKNOWN },
  },
  { what: "a stream of [DONE] alone", type: SSE, body: DONE, row: failed(EMPTY) },
  { what: "an empty JSON body", type: JSON_TYPE, body: "", row: failed(EMPTY) },
  {
    what: "a finish_reason of error without an error",
    type: SSE,
    body: data('{"choices":[{"delta":{"content":"x"},"finish_reason":"error"}]}') + DONE,
    row: failed("the model stopped because of an error"),
  },
  {
    what: "a stream of two choices that is cut after the first has finished",
    type: SSE,
    body: data(
      '{"choices":[{"index":0,"delta":{}},{"index":1,"delta":{}}]}',
      '{"choices":[{"index":0,"finish_reason":"stop"}]}',
    ),
    isBroken: true,
    row: { ...failed(BROKE), ...UNKNOWN },
  },
  {
    what: "a message whose end counts nothing",
    path: "/messages",
    type: SSE,
    body: message(
      '"input_tokens":50,"cache_read_input_tokens":2400,"cache_creation_input_tokens":120',
      '"input_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":0',
    ),
    row: { ...COMPLETED, input_tokens: 2570, cached_tokens: 2400 },
  },
  {
    what: "a message whose end alone tells what came of the cache",
    path: "/messages",
    type: SSE,
    body: message('"input_tokens":1002', '"cache_read_input_tokens":3604,"output_tokens":9'),
    row: { ...COMPLETED, input_tokens: 4606, cached_tokens: 3604, output_tokens: 9 },
  },
  {
    what: "a message whose end corrects its beginning",
    path: "/messages",
    type: SSE,
    body: message(
      '"input_tokens":7206',
      '"input_tokens":3602,"cache_read_input_tokens":3604,"output_tokens":9',
    ),
    row: { ...COMPLETED, input_tokens: 7206, cached_tokens: 3604 },
  },
  {
    what: "a message that was compacted",
    path: "/messages",
    type: JSON_TYPE,
    body: '{"usage":{"input_tokens":23,"output_tokens":10,"cost":0.5,"iterations":' +
      '[{"type":"compaction","input_tokens":180,"output_tokens":35},' +
      '{"type":"message","input_tokens":23,"output_tokens":10}]}}',
    row: { ...COMPLETED, input_tokens: 203, output_tokens: 45 },
  },
  {
    what: "a reranking that tells its total alone",
    path: "/rerank",
    type: JSON_TYPE,
    body: '{"usage":{"total_tokens":9,"cost":0.002}}',
    row: { ...COMPLETED, input_tokens: 9, total_cost: "0.002" },
  },
  ...["-1", "1e400", `0.${"1".repeat(17_000)}`, "9e9"].map((cost): Case => ({
    what: `a cost of ${cost.slice(0, 9)}, which is none`,
    type: JSON_TYPE,
    body: `{"usage":{"prompt_tokens":3,"completion_tokens":4,"is_byok":true,"cost":${cost},` +
      `"cost_details":{"upstream_inference_cost":${cost}}}}`,
    row: { ...COMPLETED, ...UNKNOWN, upstream_cost: null, input_tokens: 3, output_tokens: 4 },
  })),
  ...["9007199254740991", "1e400"].map((tokens): Case => ({
    what: `${tokens} tokens, which are none`,
    type: JSON_TYPE,
    body: `{"usage":{"prompt_tokens":${tokens},"completion_tokens":4,"cost":0.5}}`,
    row: { ...COMPLETED, input_tokens: null, output_tokens: 4, total_cost: "0.5" },
  })),
  {
    what: "an error whose message is an object, with usage",
    type: JSON_TYPE,
    body: `{"error":{"message":{"toString":1}},${USAGE}}`,
    row: { ...failed('{"toString":1}'), total_cost: "0.5", input_tokens: 3 },
  },
  {
    what: "an x-generation-id of 300 characters",
    type: JSON_TYPE,
    headers: { "x-generation-id": "g".repeat(300) },
    body: `{${USAGE}}`,
    row: { ...COMPLETED, generation_id: "g".repeat(300) },
  },
  {
    what: "an x-generation-id of 600 characters",
    type: JSON_TYPE,
    headers: { "x-generation-id": "g".repeat(600) },
    body: `{${USAGE}}`,
    row: { ...COMPLETED, generation_id: null },
  },
];

for (const { what, path = CHAT, type, headers, body, then, isBroken = false, row } of CASES) {
  const told = row.status === "failed" ? `failed: ${row.error_message}` : "completed";
  Deno.test(`${what}: the row is ${told}`, async () => {
    const { db, gateway } = world;
    const identity = await newIdentity();
    front.handlers.set(`POST ${path}`, (_request, response: ServerResponse) => {
      response.writeHead(200, { ...type && { "content-type": type }, ...headers });
      if (then === "stays open") response.write(body);
      else if (then === "is reset") response.write(body, () => response.destroy());
      else response.end(body);
    });
    const isStream = type === SSE;
    const request = chat("hi", { stream: isStream });

    const response = await call(gateway, identity, "POST", API + path, request);

    assert.equal(response.status, 200);
    if (isBroken) await assert.rejects(response.text());
    else assert.equal(await response.text(), body, "it arrives as it came");
    const [ended] = await db.endedRows(identity.did, 1);
    const told = Object.keys(row).map((name) => [name, ended?.[name as keyof RequestRow]]);
    assert.deepEqual(Object.fromEntries(told), row);
    assert.equal((await db.booked(identity.did)).cost, ended?.total_cost ?? "0");
  });
}

Deno.test("no answer was an error that nobody caught, and Postgres refused nothing of any", () => {
  const output = world.gateway.output();
  assert.doesNotMatch(output, /uncaught|unhandled|internal_error|settlement_incomplete/i);
});
