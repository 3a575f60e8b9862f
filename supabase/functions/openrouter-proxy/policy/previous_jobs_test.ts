import assert from "node:assert/strict";
import { read } from "../testing/shared_features.ts";

Deno.test("the jobs that a body goes on with must be the caller's own, wherever they stand", () => {
  const { previousJobIds } = read({ previous_job_id: "a", fallbacks: [{ previous_job_id: "b" }] });
  assert.deepEqual([...previousJobIds], ["a", "b"]);
});

Deno.test("a previous job that is null or empty names none", () => {
  for (const previous_job_id of [null, ""]) {
    assert.equal(read({ previous_job_id }).previousJobIds.size, 0);
  }
});

Deno.test("a previous job is asked for by an id that Postgres takes", () => {
  assert.deepEqual([...read('{"previous_job_id":"a\\ud800"}').previousJobIds], ["a\ufffd"]);
});

Deno.test("a previous job that is no text is refused", () => {
  for (const previous_job_id of [1, ["a"], {}, "a\0"]) {
    assert.throws(() => read({ previous_job_id }), {
      type: "invalid_request",
      message: "previous_job_id must be the id of a job",
      details: { param: "previous_job_id" },
    });
  }
});

Deno.test("a previous job of a tool that OpenRouter runs must be the caller's own, too", () => {
  const tools = (previous_job_id: unknown) => [
    { type: "openrouter:fusion", parameters: { previous_job_id } },
  ];
  assert.deepEqual([...read({ tools: tools("a") }).previousJobIds], ["a"]);
  assert.throws(() => read({ tools: tools(1) }), {
    type: "invalid_request",
    details: { param: "tools[0].parameters.previous_job_id" },
  });
});

Deno.test("more previous jobs than a body can go on with are refused", () => {
  const body = (count: number) =>
    read({ fallbacks: Array.from({ length: count }, (_, i) => ({ previous_job_id: `job-${i}` })) });
  assert.equal(body(100).previousJobIds.size, 100);
  assert.throws(() => body(101), {
    type: "invalid_request",
    message: "the body names over 100 previous jobs",
  });
});
