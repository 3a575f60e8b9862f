import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse, GatewayError } from "../errors.ts";
import { type AnswerStep, onAnswer } from "./on_answer.ts";
import type { RequestEnv } from "./request_log.ts";

/** An app whose steps add their place to a header, each with the status that it saw. */
function stepping() {
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(step(1), step(2)), onAnswer(step(0)));
  app.onError((error) => errorResponse(error, "1"));
  return app;
}

function step(place: number): AnswerStep {
  return (c) => c.res.headers.append("x-steps", `${place}:${c.res.status}`);
}

Deno.test("steps are done in their order, once the answer is there", async () => {
  const app = stepping();
  app.get("/x", (c) => c.body("x", 201, { "x-steps": "answer" }));
  const response = await app.request("/x");
  assert.equal(response.headers.get("x-steps"), "answer, 0:201, 1:201, 2:201");
});

Deno.test("a refusal, and what no route answers, have the same steps done to them", async () => {
  const app = stepping();
  app.get("/x", () => {
    throw new GatewayError("missing_credentials", "sign it");
  });
  for (const [path, status] of [["/x", 401], ["/nowhere", 404]] as const) {
    const response = await app.request(path);
    assert.equal(response.status, status);
    assert.equal(
      response.headers.get("x-steps"),
      [0, 1, 2].map((n) => `${n}:${status}`).join(", "),
    );
  }
});
