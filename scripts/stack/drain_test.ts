import assert from "node:assert/strict";
import { drainable } from "./drain.ts";

const remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const refuse = () => new Response("gone", { status: 410 });
const request = new Request("http://127.0.0.1/");

Deno.test("a drained handler refuses new requests as it was told to, and waits for the running ones", async () => {
  const { respond, drain } = drainable(() => new Response("served"), refuse);
  const answered = Promise.withResolvers<void>();
  const first = await respond(request, { remoteAddr, completed: answered.promise });
  assert.equal(await first.text(), "served");

  let drained = false;
  const draining = drain().then(() => drained = true);
  const second = await respond(request, { remoteAddr, completed: Promise.resolve() });
  assert.equal(second.status, 410);
  assert.equal(drained, false);
  answered.resolve();
  await draining;
});

Deno.test("a client that goes away does not hold up draining", async () => {
  const { respond, drain } = drainable(() => new Response("served"), refuse);
  respond(request, { remoteAddr, completed: Promise.reject(new Error("gone")) });
  await drain();
});
