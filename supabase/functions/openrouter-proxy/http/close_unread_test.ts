import assert from "node:assert/strict";
import { Hono } from "hono";
import { closeUnread } from "./close_unread.ts";
import { onAnswer } from "../testing/on_answer.ts";
import type { RequestEnv } from "./request_log.ts";

/** What the answer says of its connection. */
async function connectionAfter(body: string | null, isReceived: boolean): Promise<string | null> {
  const app = new Hono<RequestEnv>();
  app.use(onAnswer(closeUnread));
  app.all("*", (c) => {
    if (isReceived) c.set("bodyReceived", true);
    return c.text("x");
  });
  const request = new Request("http://gateway.example/", { method: "POST", body });
  const response = await app.fetch(request);
  assert.equal(await response.text(), "x");
  return response.headers.get("connection");
}

Deno.test("the connection is closed where a body was not received to its end, and only there", async () => {
  assert.equal(await connectionAfter("a body", false), "close");
  assert.equal(await connectionAfter("a body", true), null);
  assert.equal(await connectionAfter(null, false), null);
});
