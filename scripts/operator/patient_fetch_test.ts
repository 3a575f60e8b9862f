import assert from "node:assert/strict";
import { patientFetch } from "./patient_fetch.ts";

const NOW_MS = Date.parse("2026-11-22T10:00:00Z");

/** A patient fetch among fakes; the last answer comes again and again. */
function scripted(...answers: (Response | Error)[]) {
  const waits: number[] = [];
  const told: string[] = [];
  const signals: (AbortSignal | null | undefined)[] = [];
  const fetchPatiently = patientFetch({
    fetch: (_, init) => {
      signals.push((init as { signal?: AbortSignal } | undefined)?.signal);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    now: () => NOW_MS,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    onWait: (message) => told.push(message),
  });
  return { fetchPatiently, waits, told, signals };
}

const answer = (status: number, retryAfter?: string) =>
  new Response("", {
    status,
    headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
  });

Deno.test("answers below 429 and other refusals come through at once", async () => {
  for (const status of [200, 201, 400, 401, 403, 404]) {
    const { fetchPatiently, waits } = scripted(answer(status));
    assert.equal((await fetchPatiently("https://openrouter.test")).status, status);
    assert.deepEqual(waits, []);
  }
});

Deno.test("Retry-After is obeyed, in seconds or as a date", async () => {
  const { fetchPatiently, waits, told } = scripted(
    answer(429, "7"),
    answer(503, "Sun, 22 Nov 2026 10:00:30 GMT"),
    answer(429, "Sun, 22 Nov 2026 09:59:00 GMT"),
    answer(429, "0"),
    answer(200),
  );
  assert.equal((await fetchPatiently("https://openrouter.test")).status, 200);
  assert.deepEqual(waits, [7_000, 30_000, 4_000, 8_000]);
  assert.equal(told[0], "OpenRouter answered 429; waiting 7 s");
});

Deno.test("errors without Retry-After and silence are waited out ever longer", async () => {
  const { fetchPatiently, waits, told } = scripted(
    answer(500),
    new TypeError("connection reset"),
    answer(429, "soon"),
    answer(200),
  );
  assert.equal((await fetchPatiently("https://openrouter.test")).status, 200);
  assert.deepEqual(waits, [1_000, 2_000, 4_000]);
  assert.equal(told[1], "OpenRouter did not answer (connection reset); waiting 2 s");
});

Deno.test("patience ends: with the last answer", async () => {
  const { fetchPatiently, waits } = scripted(answer(502));
  assert.equal((await fetchPatiently("https://openrouter.test")).status, 502);
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000]);
});

Deno.test("patience ends: with the last error", async () => {
  const { fetchPatiently, waits } = scripted(new TypeError("connection reset"));
  await assert.rejects(fetchPatiently("https://openrouter.test"), /connection reset/);
  assert.equal(waits.length, 5);
});

Deno.test("a Retry-After of more than two minutes is a refusal", async () => {
  const { fetchPatiently, waits } = scripted(answer(429, "121"));
  assert.equal((await fetchPatiently("https://openrouter.test")).status, 429);
  assert.deepEqual(waits, []);
});

Deno.test("each attempt has a time of its own, because the caller's would run out while waiting", async () => {
  const { fetchPatiently, signals } = scripted(answer(500), answer(200));
  const expired = AbortSignal.abort();
  await fetchPatiently("https://openrouter.test", { signal: expired });
  assert.equal(new Set(signals).size, 2);
  assert.ok(signals.every((signal) => signal?.aborted === false));
});
