import assert from "node:assert/strict";
import type { Upstream } from "../openrouter/forward.ts";
import { clientAnswer } from "./answer.ts";
import type { Answer, Booking, Ending } from "../books/booking.ts";

const NEVER = new AbortController().signal;
const utf8 = (text: string) => new TextEncoder().encode(text);

function answered(upstream: Partial<Upstream>, booked = true) {
  const events: (Answer | Ending)[] = [];
  const booking: Booking = {
    settled: Promise.resolve(),
    answering: (answer) => events.push(answer),
    firstByte() {},
    end: (ending) => events.push(ending),
  };
  const whole = { status: 200, headers: new Headers(), body: null, abort() {}, ...upstream };
  const response = clientAnswer(whole, {
    apiKey: "sk-or-v1-x",
    booking: booked ? booking : null,
    whenRead: { kind: whole.status >= 300 ? "refused" : "answered" },
    idleTimeoutMs: 1_000,
    clientGone: NEVER,
  });
  return { response, events };
}

Deno.test("clientAnswer passes status, headers and bytes on, and tells the booking of them", async () => {
  const body = new Response('{"usage":{"cost":0.5}}').body;
  const headers = new Headers({
    "content-type": "application/json",
    "x-generation-id": "gen-1",
    "set-cookie": "a=b",
  });
  const { response, events } = answered({ status: 202, headers, body });
  assert.equal(response.status, 202);
  assert.deepEqual([...response.headers], [
    ["content-type", "application/json"],
    ["x-generation-id", "gen-1"],
  ]);
  assert.equal(events.length, 1);
  assert.equal(await response.text(), '{"usage":{"cost":0.5}}');
  const { observed, ...answer } = events[0] as Answer;
  assert.deepEqual(answer, { httpStatus: 202, generationId: "gen-1", apiKey: "sk-or-v1-x" });
  assert.equal(observed.cost, "0.5");
  assert.deepEqual(events[1], { kind: "answered" });
});

Deno.test("clientAnswer passes an error on without the operator's account, and ends the booking with its message", async () => {
  const headers = new Headers({ "content-type": "application/json", "retry-after": "7" });
  const body = utf8('{"error":{"code":429,"message":"slow down"},"user_id":"user_2d"}');
  const { response, events } = answered({ status: 429, headers, body });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "7");
  assert.equal(
    await response.text(),
    '{"error":{"code":429,"message":"slow down"},"user_id":"[redacted]"}',
  );
  assert.equal((events[0] as Answer).observed.error, "429: slow down");
  assert.deepEqual(events[1], { kind: "refused" });
});

Deno.test("clientAnswer passes an error on as a whole, however large, without the operator's account", async () => {
  const headers = new Headers({ "content-type": "application/json" });
  const error = (user: string) =>
    `{"error":{"message":"${
      "x".repeat(500_000)
    }","metadata":{"raw":"{\\"user_id\\":\\"${user}\\"}"}}}`;
  const { response } = answered({ status: 400, headers, body: utf8(error("user_2d")) });
  assert.equal(await response.text(), error("[redacted]"));
});

Deno.test("clientAnswer ends the booking of an error that is too large to be whole", async () => {
  const { response, events } = answered({ status: 502, body: new Response("<html>").body });
  assert.equal(response.status, 502);
  assert.equal(await response.text(), "<html>");
  assert.deepEqual(events[1], { kind: "refused" });
});

Deno.test("clientAnswer ends the booking of an answer without a body", () => {
  const { response, events } = answered({ status: 204 });
  assert.equal(response.status, 204);
  assert.equal(response.body, null);
  assert.deepEqual(events[1], { kind: "answered" });
});

Deno.test("clientAnswer passes on what is not booked", async () => {
  const { response } = answered({ body: new Response("x").body }, false);
  assert.equal(await response.text(), "x");
  assert.equal(answered({ status: 404, body: utf8("no") }, false).response.status, 404);
});
