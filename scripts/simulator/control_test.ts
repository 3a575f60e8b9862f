import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { chat, MANAGEMENT_KEY, until, withSimulator } from "./testing.ts";
import { DEFAULT_WORKSPACE_ID } from "./workspaces.ts";

Deno.test("status: every status has its shape, headers and message", () =>
  withSimulator(async ({ call, simulator }) => {
    const statuses = [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 524, 529];
    for (const status of statuses) {
      const response = await call("/chat/completions", chat(1), { simulate: `status:${status}` });
      assert.equal(response.status, status);
      assert.equal(response.headers.get("retry-after"), null);
      assert.equal((await response.json()).error.code, status);
    }
    const limited = await call("/chat/completions", chat(1), { simulate: "status:429:7,gzip" });
    assert.equal(limited.headers.get("retry-after"), "7");
    assert.equal(limited.headers.get("x-ratelimit-remaining"), "0");
    assert.equal((await limited.json()).error.message, "Rate limit exceeded");
    const provider = await call("/chat/completions", chat(1), { simulate: "provider-429" });
    assert.equal(provider.headers.get("retry-after"), null);
    assert.equal((await provider.json()).error.metadata.provider_name, "Liquid");
    const moderated = await call("/chat/completions", chat(1), { simulate: "moderation" });
    assert.deepEqual((await moderated.json()).error.metadata.reasons, ["violence"]);
    assert.equal(simulator.ledger().generations, 0);
  }));

Deno.test("html, empty, no-content and garbage replace the answer", () =>
  withSimulator(async ({ call }) => {
    const get = async (simulate: string) => {
      const response = await call("/chat/completions", chat(1), { simulate });
      return [response.status, (await response.text()).slice(0, 9)];
    };
    assert.deepEqual(await get("html"), [404, "<!DOCTYPE"]);
    assert.deepEqual(await get("html:502"), [502, "<!DOCTYPE"]);
    assert.deepEqual(await get("empty"), [200, ""]);
    assert.deepEqual(await get("no-content"), [204, ""]);
    assert.deepEqual(await get("garbage"), [200, '{"data":{']);
  }));

Deno.test("drop breaks the connection before the headers; nothing was done", () =>
  withSimulator(async ({ call, simulator }) => {
    await assert.rejects(call("/chat/completions", chat(1), { simulate: "drop" }));
    assert.equal(simulator.ledger().generations, 0);
  }));

Deno.test("hang is silent until the client goes", () =>
  withSimulator(async ({ call, simulator }) => {
    const leaving = new AbortController();
    const options = { simulate: "hang", signal: leaving.signal };
    await until(() => simulator.ledger().requests.in_flight === 0);
    const refused = assert.rejects(call("/chat/completions", chat(1), options), {
      name: "AbortError",
    });
    await until(() => simulator.ledger().requests.in_flight === 1);
    leaving.abort();
    await refused;
    await until(() => simulator.ledger().requests.in_flight === 0);
    assert.equal(simulator.ledger().generations, 0);
  }));

Deno.test("stop breaks the connections that hang", async () => {
  const hanging: Promise<unknown>[] = [];
  await withSimulator(async ({ call }) => {
    const whole = await call("/chat/completions", chat(2, { stream: true }), {
      simulate: "hang:1",
    });
    hanging.push(whole.text());
    hanging[0]?.catch(() => {}); // asserted below, once it can have happened
  });
  await assert.rejects(hanging[0]!);
});

Deno.test("after: the work is done and billed, and its answer lost", () =>
  withSimulator(async ({ call, simulator }) => {
    const body = chat(3, { stream: true });
    await assert.rejects(call("/chat/completions", body, { simulate: "after,drop" }));
    assert.equal(simulator.ledger().total_cost, "0.0000021");
    const late = await call("/chat/completions", body, { simulate: "after,latency:1" });
    assert.ok((await late.text()).endsWith("data: [DONE]\n\n"));
    assert.equal(simulator.ledger().total_cost, "0.0000042");
  }));

Deno.test("gate: calls answer when as many as were asked for are here, but for those that left", () =>
  withSimulator(async ({ call, simulator }) => {
    const waiting = (signal?: AbortSignal) =>
      call("/chat/completions", chat(1), { simulate: "gate:2", ...(signal && { signal }) });
    const inFlight = async (count: number) => {
      while (simulator.ledger().requests.in_flight !== count) {
        await sleep(1);
      }
    };
    const leaving = new AbortController();
    const left = assert.rejects(waiting(leaving.signal));
    await inFlight(1);
    leaving.abort();
    await left;
    await inFlight(0);

    let answered = 0;
    const first = waiting().then(async (response) => {
      answered++;
      return await response.json();
    });
    await inFlight(1);
    assert.equal(answered, 0);
    const second = await (await waiting()).json();
    assert.equal((await first).usage.cost, second.usage.cost);
  }));

Deno.test("a scripted fault strikes as many calls of its route as it says", () =>
  withSimulator(async ({ manage, simulator }) => {
    simulator.addFault({ on: "POST /keys", faults: "status:500", times: 2 });
    const create = async () => (await manage("POST", "/keys", { name: "x" })).status;
    assert.deepEqual([await create(), await create(), await create()], [500, 500, 201]);
    simulator.addFault({ on: "DELETE /keys/:hash", faults: "status:503", times: null });
    assert.equal((await manage("DELETE", "/keys/x")).status, 503);
    assert.equal((await manage("DELETE", "/keys/x")).status, 503);
    simulator.clearFaults();
    assert.equal((await manage("DELETE", "/keys/x")).status, 404);
  }));

Deno.test("a key is created though its answer is lost or garbage", () =>
  withSimulator(async ({ manage, simulator }) => {
    simulator.addFault({ on: "POST /keys", faults: "after,drop" });
    simulator.addFault({ on: "POST /keys", faults: "after,garbage" });
    await assert.rejects(manage("POST", "/keys", { name: "lost" }));
    const garbled = await manage("POST", "/keys", { name: "garbled" });
    await assert.rejects(garbled.json(), SyntaxError);
    assert.deepEqual(simulator.ledger().keys.map((key) => key.name), ["tester", "lost", "garbled"]);
  }));

Deno.test("another process scripts, reads and resets over HTTP", () =>
  withSimulator(async ({ simulator, manage, call, key, hash }) => {
    const at = (path: string) => new URL(`/simulator${path}`, simulator.url);
    const post = async (body: unknown) => {
      const init = { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(at("/faults"), init);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await post([{ on: "POST /keys", faults: "status:502" }]), 204);
    assert.equal((await manage("POST", "/keys", { name: "x" })).status, 502);
    assert.equal(await post({ on: "POST /keys", faults: "nonsense" }), 400);
    assert.equal(await post({ on: "POST /nothing", faults: "drop" }), 400);
    assert.equal(await post({ on: "POST /keys", faults: "drop", times: 0 }), 400);
    assert.equal(await post({ on: "POST /keys", faults: "drop", times: null }), 204);
    assert.equal((await fetch(at("/faults"), { method: "DELETE" })).status, 204);

    await (await call("/chat/completions?trace=1", chat(3))).text();
    const text = await (await fetch(at("/ledger"))).text();
    for (const secret of [key, MANAGEMENT_KEY]) assert.ok(!text.includes(secret));
    const ledger = JSON.parse(text);
    assert.deepEqual(ledger.keys, [{
      hash,
      name: "tester",
      workspace_id: DEFAULT_WORKSPACE_ID,
      guardrail_id: null,
      usage: "0.0000021",
      byok_usage: "0",
      limit: null,
      generations: 1,
      disabled: false,
      deleted: false,
    }]);
    const seen = ledger.requests.recent.at(-1);
    assert.equal(seen.method, "POST");
    assert.equal(seen.path, "/api/v1/chat/completions?trace=1");
    assert.equal(seen.key_hash, hash);
    const body = JSON.stringify(chat(3));
    assert.equal(seen.body_sha256, createHash("sha256").update(body).digest("hex"));
    assert.equal(seen.headers.authorization, undefined);

    assert.equal((await fetch(at("/reset"), { method: "POST" })).status, 204);
    assert.equal((await call("/key")).status, 401);
    assert.deepEqual(simulator.ledger().keys, []);
    assert.equal((await (await fetch(at("/nothing"))).json()).error.code, 404);
  }));
