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
  assert.match(response.headers.get("x-request-id")!, /^[0-9a-f-]{36}$/);
});

Deno.test("a refusal is for no cache, and ends a connection whose body was not received", async () => {
  for (const body of [null, "a body"]) {
    const response = await refuse(new Request("http://a.example/x", { method: "POST", body }));
    await response.body?.cancel();
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("connection"), body && "close");
  }
});

Deno.test("HEAD is refused without a body, and without its length", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, refuse);
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { method: "HEAD" });
    assert.deepEqual([response.status, await response.text()], [503, ""]);
    assert.equal(response.headers.get("content-length"), null);
  } finally {
    await server.shutdown();
  }
});
