import assert from "node:assert/strict";
import {
  ClientDisconnected,
  describeError,
  errorResponse,
  type ErrorType,
  GatewayError,
  STATUS,
} from "./errors.ts";

// That each type has the status that docs/protocol.md tells is what scripts/docs_test.ts asserts.
for (const [type, status] of Object.entries(STATUS) as [ErrorType, number][]) {
  Deno.test(`${type} is answered with ${status}, in the shape that OpenAI's and Anthropic's SDKs read`, async () => {
    const error = new GatewayError(type, "what was wrong", {
      details: { detail: 7 },
      headers: { "retry-after": "2" },
    });
    const response = errorResponse(error, "request-1");
    assert.equal(error.status, status);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("retry-after"), "2");
    assert.equal(response.headers.get("www-authenticate"), status === 401 ? "DID" : null);
    const isFinal = status < 500 && status !== 429;
    assert.equal(response.headers.get("x-should-retry"), isFinal ? "false" : null);
    assert.deepEqual(await response.json(), {
      success: false,
      type: "error",
      error: {
        code: status,
        type,
        message: "what was wrong",
        request_id: "request-1",
        detail: 7,
      },
    });
  });
}

const SECRET = "sk-or-v1-secret";

for (
  const [what, thrown] of [
    ["an Error", new Error(SECRET)],
    ["a text", SECRET],
    ["undefined", undefined],
    ["an object that looks like a GatewayError", {
      type: "not_found",
      status: 404,
      message: SECRET,
    }],
  ] as const
) {
  Deno.test(`${what} that was thrown is internal_error and nothing of it is told`, async () => {
    const response = errorResponse(thrown, "request-1");
    assert.equal(response.status, 500);
    const text = await response.text();
    assert.deepEqual(JSON.parse(text).error, {
      code: 500,
      type: "internal_error",
      message: "the gateway failed; the request id finds the cause in its log",
      request_id: "request-1",
    });
    assert.ok(!text.includes(SECRET));
  });
}

Deno.test("errors have names, by which a log tells them", () => {
  assert.equal(new GatewayError("not_found", "x").name, "GatewayError");
  assert.equal(new ClientDisconnected().name, "ClientDisconnected");
});

Deno.test("the cause of a GatewayError is not told to the client", async () => {
  const cause = new Error(SECRET);
  const error = new GatewayError("upstream_unreachable", "it broke", { cause });
  assert.ok(!(await errorResponse(error, "request-1").text()).includes(SECRET));
});

Deno.test("describeError tells a refusal's type and message, and its cause only where asked for", () => {
  const error = new GatewayError("store_unavailable", "down", { cause: new Error("57P01") });
  assert.deepEqual(describeError(error, false), { error: "store_unavailable: down" });
  assert.deepEqual(describeError(error, true), {
    error: "store_unavailable: down",
    cause: "Error: 57P01",
  });
  assert.deepEqual(describeError(new GatewayError("not_found", "x"), true), {
    error: "not_found: x",
  });
});

Deno.test("describeError tells of no query and no key of OpenRouter's, however many there are", () => {
  const cause = new Error(
    'to (https://a.example/x?key=1) and "https://b.example/y?z=2" with sk-or-v1-ab12 and sk-or-v1-cd, sk-or-v1- and a?',
  );
  assert.equal(
    describeError(new GatewayError("upstream_unreachable", "down", { cause }), true).cause,
    'Error: to (https://a.example/x?…) and "https://b.example/y?…" with [key] and [key], [key] and a?…',
  );
});

Deno.test("describeError tells of another error its name, and its stack only where asked for", () => {
  const error = new RangeError(SECRET);
  assert.deepEqual(describeError(error, false), { error: "RangeError" });
  assert.match(describeError(error, true).cause ?? "", /errors_test/);
  delete error.stack;
  Object.defineProperty(error, "stack", { value: undefined });
  assert.equal(describeError(error, true).cause, "[key]");
});

Deno.test("describeError shows neither queries nor keys of a cause", () => {
  const cause = new TypeError(
    "error sending request for url (http://o.test/models?a=hunter2): sk-or-v1-abc",
  );
  const error = new GatewayError("upstream_unreachable", "it broke", { cause });
  assert.equal(
    describeError(error, true).cause,
    "TypeError: error sending request for url (http://o.test/models?…): [key]",
  );
});
