import assert from "node:assert/strict";
import { drainable } from "./drain.ts";

const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const request = new Request("http://127.0.0.1/");

Deno.test("a drained handler refuses new requests and waits for the running ones", async () => {
  const { respond, drain } = drainable(() => new Response("served"));
  const answered = Promise.withResolvers<void>();
  const first = await respond(request, { remoteAddr, completed: answered.promise });
  assert.equal(await first.text(), "served");

  let drained = false;
  const draining = drain().then(() => drained = true);
  const second = await respond(request, { remoteAddr, completed: Promise.resolve() });
  assert.equal(second.status, 503);
  assert.equal(drained, false);
  answered.resolve();
  await draining;
});

Deno.test("a drained handler refuses as it was told to", async () => {
  const { respond, drain } = drainable(
    () => new Response("served"),
    () => new Response("gone", { status: 410 }),
  );
  await drain();
  const response = await respond(request, { remoteAddr, completed: Promise.resolve() });
  assert.equal(response.status, 410);
});

Deno.test("a client that goes away does not hold up draining", async () => {
  const { respond, drain } = drainable(() => new Response("served"));
  respond(request, { remoteAddr, completed: Promise.reject(new Error("gone")) });
  await drain();
});
