import assert from "node:assert/strict";
import { withTimeouts } from "../testing/with_timeouts.ts";
import { createKeyCheck, type KeyState } from "./management_key.ts";

/** A check of a key at an OpenRouter that answers with these statuses, one after the other; null: not at all. */
function checkedAt(statuses: (number | null)[]) {
  const clock = { now: 0 };
  const requests: Request[] = [];
  const check = createKeyCheck("http://openrouter.test/api/v1", "management", (input, init) => {
    requests.push(new Request(input as string, init));
    const status = statuses[requests.length - 1];
    if (status === undefined || status === null) return Promise.reject(new TypeError("refused"));
    return Promise.resolve(new Response("{}", { status }));
  }, () => clock.now);
  return { check, clock, requests };
}

function test(name: string, fn: () => Promise<void>) {
  // AbortSignal.timeout's timer outlives what it guards in Deno 2.1.4.
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

const STATES: [number | null, KeyState][] = [
  [404, "accepted"],
  [200, "accepted"],
  [401, "refused"],
  [403, "refused"],
  [429, "unknown"],
  [500, "unknown"],
  [null, "unknown"],
];
for (const [status, expected] of STATES) {
  test(`a management key is ${expected} where OpenRouter answers with ${status}`, async () => {
    const { check, requests } = checkedAt([status]);
    assert.equal(await check(), expected);
    assert.equal(requests[0]?.url, `http://openrouter.test/api/v1/keys/${"0".repeat(64)}`);
    assert.equal(requests[0]?.headers.get("authorization"), "Bearer management");
    // Wherever else it leads, the key is not for it.
    assert.equal(requests[0]?.redirect, "error");
  });
}

test("what OpenRouter said of a key holds for a minute, and nothing for five seconds", async () => {
  const { check, clock, requests } = checkedAt([null, 401, 404]);
  assert.deepEqual(await Promise.all([check(), check()]), ["unknown", "unknown"]);
  clock.now += 4_999;
  await check();
  assert.equal(requests.length, 1);
  clock.now += 1;
  assert.equal(await check(), "refused");
  clock.now += 59_999;
  assert.equal(await check(), "refused");
  assert.equal(requests.length, 2);
  clock.now += 1;
  assert.equal(await check(), "accepted");
});

test("what OpenRouter said of a key before the clock was set back holds no more", async () => {
  const { check, clock } = checkedAt([401, 404]);
  clock.now = 86_400_000;
  assert.equal(await check(), "refused");
  clock.now = 0;
  assert.equal(await check(), "accepted");
});

test("of a key nothing is known where OpenRouter says nothing for five seconds", async () => {
  const silent = (_input: unknown, init?: RequestInit) =>
    init?.signal?.aborted ? Promise.reject(init.signal.reason) : new Promise<Response>(() => {});
  const check = createKeyCheck("http://openrouter.test/api/v1", "management", silent, () => 0);
  const waits = await withTimeouts(async () => {
    const said = await Promise.race([check(), new Promise((resolve) => setTimeout(resolve))]);
    assert.equal(said, "unknown");
  });
  assert.deepEqual(waits, [5_000]);
});

test("a key is judged once its answer is let go of: no connection is left open by it", async () => {
  let isOpen = true;
  const body = new ReadableStream({
    async cancel() {
      await new Promise((resolve) => setTimeout(resolve));
      isOpen = false;
    },
  });
  const answering = () => Promise.resolve(new Response(body, { status: 404 }));
  const check = createKeyCheck("http://openrouter.test/api/v1", "management", answering, () => 0);
  assert.equal(await check(), "accepted");
  assert.equal(isOpen, false);
});

test("of a key whose answer breaks off nothing is known, and nothing else breaks", async () => {
  const body = new ReadableStream({
    cancel: () => Promise.reject(new TypeError("broken off")),
  });
  const answering = () => Promise.resolve(new Response(body, { status: 404 }));
  const check = createKeyCheck("http://openrouter.test/api/v1", "management", answering, () => 0);
  assert.equal(await check(), "unknown");
});
