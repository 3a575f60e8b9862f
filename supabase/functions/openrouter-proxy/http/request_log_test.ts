import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, GatewayError } from "../errors.ts";
import { type RequestEnv, requestLog } from "./request_log.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function logged() {
  const lines: Record<string, unknown>[] = [];
  const times = [1_000, 1_002.6];
  const app = new Hono<RequestEnv>();
  const { begin, end } = requestLog(() => times.shift()!, (line) => lines.push(line));
  app.use(async (c, next) => {
    begin(c);
    await next();
    end(c);
  });
  app.onError((error, c) => errorResponse(error, c.get("requestId")));
  return { app, lines };
}

Deno.test("a request is one line of the log, under the id of its answer", async () => {
  const { app, lines } = logged();
  app.get("/x", (c) => {
    c.set("did", "did:key:z6Mk");
    return c.body("x", 200, { "x-request-id": "of-openrouter", "request-id": "of-openrouter" });
  });
  const response = await app.request("http://h/x?secret=1");
  const requestId = response.headers.get("x-request-id");
  assert.match(requestId ?? "", UUID);
  assert.equal(response.headers.get("request-id"), requestId, "as Anthropic's SDKs look for it");
  assert.deepEqual(lines, [{
    level: "info",
    event: "request",
    request_id: requestId,
    did: "did:key:z6Mk",
    method: "GET",
    route: "/x",
    status: 200,
    ms: 3,
  }]);
});

Deno.test("a request that is booked leaves its line to the booking", async () => {
  const { app, lines } = logged();
  app.get("/x", (c) => {
    c.set("booked", true);
    return c.body("x");
  });
  assert.match((await app.request("http://h/x")).headers.get("x-request-id") ?? "", UUID);
  assert.deepEqual(lines, []);
});

Deno.test("a refusal is no error of the gateway's, and its cause is not told", async () => {
  const { app, lines } = logged();
  app.get("/x", () => {
    throw new GatewayError("invalid_request", "bad dates", { cause: new Error("private") });
  });
  assert.equal((await app.request("http://h/x")).status, 400);
  const { level, status, error } = lines[0]!;
  assert.deepEqual([level, status, error], ["info", 400, "invalid_request: bad dates"]);
  assert.equal(lines[0]!.did, null, "whose it was is not known, which the line says");
  assert.ok(!JSON.stringify(lines).includes("private"));
});

Deno.test("a bug is an error with its stack", async () => {
  const { app, lines } = logged();
  app.get("/x", () => {
    throw new TypeError("x is not a function");
  });
  assert.equal((await app.request("http://h/x")).status, 500);
  const { level, error, cause } = lines[0]!;
  assert.deepEqual([level, error], ["error", "TypeError"]);
  assert.match(String(cause), /x is not a function\n.*request_log_test/);
});

Deno.test("a line shows the beginning of a long path", async () => {
  const { app, lines } = logged();
  await app.request(`http://h/${"x".repeat(5_000)}`);
  assert.equal(String(lines[0]!.route).length, 200);
});
