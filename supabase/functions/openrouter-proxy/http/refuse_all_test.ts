import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { refuseAll } from "./refuse_all.ts";

const refuse = refuseAll(new GatewayError("overloaded", "stopping"));

for (const [method, path] of [["GET", "/"], ["POST", "/a/b?c"], ["PURGE", "/x"]] as const) {
  Deno.test(`${method} ${path} is refused, and a page can read it`, async () => {
    const response = await refuse(new Request(`http://gateway.example${path}`, { method }));
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    const { type, error } = await response.json();
    assert.equal(type, "error");
    assert.deepEqual([error.type, error.message], ["overloaded", "stopping"]);
    assert.equal(response.headers.get("x-request-id"), error.request_id);
    assert.equal(response.headers.get("request-id"), error.request_id);
  });
}

Deno.test("a preflight passes, so that a page gets to the refusal", async () => {
  const response = await refuse(
    new Request("http://gateway.example/x", {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-did",
      },
    }),
  );
  assert.equal(response.status, 204);
  assert.equal(response.headers.get("access-control-allow-headers"), "x-did");
});
