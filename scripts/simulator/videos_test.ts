import assert from "node:assert/strict";
import { type Bench, withSimulator } from "./testing.ts";

/** Orders a video of 2 USD. */
async function ordered({ call }: Bench, simulate: string) {
  const body = { model: "google/veo-3.1", prompt: "a cat", duration: 5 };
  const accepted = await call("/videos", body, { simulate });
  assert.equal(accepted.status, 202);
  return { job: await accepted.json(), generation: accepted.headers.get("x-generation-id") };
}

Deno.test("a video is a job; it is charged when it is completed, once", () =>
  withSimulator(async (bench) => {
    const { call, simulator } = bench;
    const { job: { id, status, polling_url }, generation } = await ordered(bench, "pending:1");
    assert.match(id, /^gen-vid-\d{10}-[0-9a-f]{20}$/);
    assert.deepEqual([status, polling_url], ["pending", `/api/v1/videos/${id}`]);
    assert.equal((await call(`/videos/${id}/content`)).status, 400);
    const poll = async () => await (await call(`/videos/${id}`)).json();
    const pending = await poll();
    assert.deepEqual([pending.status, pending.usage], ["in_progress", undefined]);
    assert.equal(simulator.ledger().total_cost, "0");
    assert.equal((await call(`/generation?id=${generation}`)).status, 404);
    for (let n = 0; n < 2; n++) {
      const completed = await poll();
      assert.deepEqual(completed.usage, { cost: 2, is_byok: false });
      assert.deepEqual(completed.unsigned_urls, [`/api/v1/videos/${id}/content?index=0`]);
    }
    assert.equal(simulator.ledger().total_cost, "2");
    assert.equal((await call(`/generation?id=${generation}`)).status, 200);
    assert.equal((await call("/videos/unknown")).status, 404);
  }));

Deno.test("a video without `pending` is completed and charged at once, though nobody looks", () =>
  withSimulator(async (bench) => {
    const { job: { id } } = await ordered(bench, "");
    assert.equal(bench.simulator.ledger().total_cost, "2");
    const content = await bench.call(`/videos/${id}/content`);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    await content.body?.cancel();
    assert.equal(bench.simulator.ledger().total_cost, "2");
  }));

for (const end of ["failed", "cancelled", "expired"]) {
  Deno.test(`a job that is ${end} is free, and tells no usage`, () =>
    withSimulator(async (bench) => {
      const { job: { id } } = await ordered(bench, `pending:1,job:${end}`);
      const poll = async () => await (await bench.call(`/videos/${id}`)).json();
      assert.equal((await poll()).status, "in_progress");
      const ended = await poll();
      assert.deepEqual([ended.status, ended.usage, ended.unsigned_urls], [
        end,
        undefined,
        undefined,
      ]);
      assert.equal((await bench.call(`/videos/${id}/content`)).status, 400);
      assert.equal(bench.simulator.ledger().total_cost, "0");
    }));
}

Deno.test("absolute-urls name the host, and no-usage holds for a job's polls too", () =>
  withSimulator(async (bench) => {
    const { job } = await ordered(bench, "absolute-urls,no-usage");
    assert.equal(job.polling_url, `${bench.simulator.url}/videos/${job.id}`);
    const completed = await (await bench.call(`/videos/${job.id}`)).json();
    assert.deepEqual(completed.unsigned_urls, [`${job.polling_url}/content?index=0`]);
    assert.deepEqual([completed.status, completed.usage], ["completed", undefined]);
  }));
