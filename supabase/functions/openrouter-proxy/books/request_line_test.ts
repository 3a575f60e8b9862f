import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { aSettlement } from "../testing/settlements.ts";
import { discardedLine, requestLine } from "./request_line.ts";

const ENDED = { did: "did:key:z6Mk", route: "/api/v1/openrouter/messages", model: "a/b", ms: 12 };
const SETTLEMENT = aSettlement({
  requestId: "r",
  httpStatus: 200,
  status: "completed",
  model: "a/c",
  inputTokens: 3,
  outputTokens: 5,
});

Deno.test("a settled request's line tells who asked for what, and what it came to", () => {
  const line = requestLine({ ...ENDED, settlement: SETTLEMENT, totalCostUsd: "0.10", error: null });
  assert.equal(
    JSON.stringify(line),
    '{"level":"info","event":"request","request_id":"r","did":"did:key:z6Mk","method":"POST",' +
      '"route":"/api/v1/openrouter/messages","model":"a/c","status":200,"outcome":"completed",' +
      '"input_tokens":3,"output_tokens":5,"cost_usd":0.10,"ms":12}',
  );
});

Deno.test("a failed request's line warns, tells why, and names the model that was asked for", () => {
  const settlement = {
    ...SETTLEMENT,
    status: "failed" as const,
    httpStatus: null,
    errorMessage: "broke off",
    model: null,
    inputTokens: null,
    outputTokens: null,
  };
  const error = new GatewayError("upstream_timeout", "late", { cause: "silent for 30 s" });
  assert.deepEqual(requestLine({ ...ENDED, settlement, totalCostUsd: null, error }), {
    level: "warn",
    event: "request",
    request_id: "r",
    did: ENDED.did,
    method: "POST",
    route: ENDED.route,
    model: "a/b",
    status: null,
    outcome: "failed",
    error: "broke off",
    cause: "silent for 30 s",
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    ms: 12,
  });
});

Deno.test("a discarded request's line has the members of every other, and costs nothing", () => {
  assert.deepEqual(discardedLine({ ...ENDED, requestId: "r", httpStatus: 404 }), {
    level: "info",
    event: "request",
    request_id: "r",
    did: ENDED.did,
    method: "POST",
    route: ENDED.route,
    model: "a/b",
    status: 404,
    outcome: "discarded",
    input_tokens: null,
    output_tokens: null,
    cost_usd: 0,
    ms: 12,
  });
});
