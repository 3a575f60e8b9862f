import assert from "node:assert/strict";
import { StackError } from "./errors.ts";
import { freePort, LOOPBACK, portFromEnv, serveHttp } from "./ports.ts";

const VARIABLE = "STACK_TEST_PORT";

function withVariable<T>(value: string, use: () => T): T {
  Deno.env.set(VARIABLE, value);
  try {
    return use();
  } finally {
    Deno.env.delete(VARIABLE);
  }
}

Deno.test("portFromEnv reads a port, and falls back where none is set", () => {
  assert.equal(withVariable("8080", () => portFromEnv(VARIABLE, 1)), 8080);
  assert.equal(withVariable("0", () => portFromEnv(VARIABLE, 1)), 0);
  assert.equal(withVariable(" ", () => portFromEnv(VARIABLE, 1)), 1);
  assert.equal(portFromEnv(VARIABLE, 1), 1);
});

Deno.test("portFromEnv names the variable that is no port", () => {
  for (const value of ["65536", "-1", "1.5", "http", "0x50"]) {
    assert.throws(
      () => withVariable(value, () => portFromEnv(VARIABLE, 1)),
      { name: "StackError", message: new RegExp(VARIABLE) },
    );
  }
});

Deno.test("a taken port is an error that names it and the variable that changes it", () => {
  using taken = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = taken.addr;
  const isClear = (error: unknown) =>
    error instanceof StackError && error.message.includes(`port ${port} is in use; set PORT`);
  assert.throws(() => freePort(port, "PORT"), isClear);
  const { signal } = new AbortController();
  assert.throws(() => serveHttp(port, "PORT", signal, () => new Response()), isClear);
});

Deno.test("freePort finds a port for 0 and leaves it free", () => {
  const port = freePort(0, "PORT");
  using listener = Deno.listen({ hostname: LOOPBACK, port });
  assert.equal(listener.addr.port, port);
});
