import assert from "node:assert/strict";
import { Hono } from "hono";
import { ClientDisconnected, GatewayError } from "../errors.ts";
import { type AnswerStep, aroundRoutes } from "./around_routes.ts";
import { crossOrigin } from "./cross_origin.ts";
import type { Handler, RequestEnv } from "./request_log.ts";

/** An app of one route, whose steps add their place to a header, each with the status that it saw. */
function stepping(handler: Handler, failing: AnswerStep = () => {}) {
  const app = new Hono<RequestEnv>();
  const around = aroundRoutes({
    begin: (c) => c.set("requestId", "request-1"),
    crossOrigin: crossOrigin("*"),
    steps: [step(1), failing, step(2)],
    end: step(3),
  });
  app.all("/x", around(handler));
  app.notFound(around(() => Promise.reject(new GatewayError("not_found", "no route"))));
  return app;
}

function step(place: number): AnswerStep {
  return (c) => c.res.headers.append("x-steps", `${place}:${c.res.status}`);
}

Deno.test("steps are done in their order, once the answer is there, the last of them at the end", async () => {
  const app = stepping((c) => Promise.resolve(c.body("x", 201, { "x-steps": "answer" })));
  const response = await app.request("/x");
  assert.equal(await response.text(), "x");
  assert.equal(response.headers.get("x-steps"), "answer, 1:201, 2:201, 3:201");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
});

Deno.test("refusals, hang-ups, bugs and what no route answers have the same done to them", async () => {
  for (
    const [path, error, status] of [
      ["/x", new GatewayError("missing_credentials", "sign it"), 401],
      ["/x", new TypeError("x is not a function"), 500],
      ["/x", new ClientDisconnected(), 499],
      ["/nowhere", null, 404],
    ] as const
  ) {
    for (const handler of [() => Promise.reject(error), () => thrown(error)]) {
      const response = await stepping(handler).request(path);
      assert.equal(response.status, status);
      const steps = [1, 2, 3].map((place) => `${place}:${status}`).join(", ");
      assert.equal(response.headers.get("x-steps"), steps);
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      if (status === 499) assert.equal(await response.text(), "");
      else assert.equal((await response.json()).error.request_id, "request-1");
    }
  }
});

function thrown(error: unknown): never {
  throw error;
}

Deno.test("the error is there for the steps", async () => {
  const refusal = new GatewayError("access_denied", "not you");
  const seen: unknown[] = [];
  await stepping(() => thrown(refusal), (c) => seen.push(c.error)).request("/x");
  await stepping((c) => Promise.resolve(c.body("x")), (c) => seen.push(c.error)).request("/x");
  assert.deepEqual(seen, [refusal, undefined]);
});

Deno.test("a preflight is answered before any handler, with the steps", async () => {
  for (const path of ["/x", "/nowhere"]) {
    const response = await stepping(() => thrown(new Error("called"))).request(path, {
      method: "OPTIONS",
      headers: { "access-control-request-headers": "x-did" },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("access-control-allow-headers"), "x-did");
    assert.equal(response.headers.get("x-steps"), "1:204, 2:204, 3:204");
  }
});

Deno.test("a step that fails makes the answer an error of the gateway's, which the last step sees", async () => {
  const app = stepping(
    (c) => Promise.resolve(c.body("x")),
    () => thrown(new TypeError("x is not a function")),
  );
  const response = await app.request("/x");
  assert.equal(response.status, 500);
  assert.equal((await response.json()).error.type, "internal_error");
  assert.equal(response.headers.get("x-steps"), "1:200, 3:500");
});
