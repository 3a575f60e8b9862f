import assert from "node:assert/strict";
import { headAnswer } from "./head_answer.ts";

const HEAD = new Request("http://gateway.example", { method: "HEAD" });

/** What Deno's server tells of an answer, on a connection of its own, as the client gets it. */
async function lengthTold(answer: () => Response, method = "HEAD"): Promise<string | null> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  try {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}`, { method });
    await response.text();
    return response.headers.get("content-length");
  } finally {
    await server.shutdown();
  }
}

Deno.test("an answer to HEAD tells no length but one that it was given", async () => {
  assert.equal(await lengthTold(() => headAnswer(HEAD, new Response(null))), null);
  const given = { headers: { "content-length": "99" } };
  assert.equal(await lengthTold(() => headAnswer(HEAD, new Response(null, given))), "99");
});

Deno.test("an answer to HEAD keeps its status and headers", () => {
  for (const status of [200, 404, 499]) {
    const { status: kept, headers } = headAnswer(
      HEAD,
      new Response(null, { status, headers: { etag: '"1"' } }),
    );
    assert.deepEqual([kept, headers.get("etag")], [status, '"1"']);
  }
});

Deno.test("an answer to HEAD that has a body, or a status without one, stays as it is", () => {
  const told = new Response("a body");
  assert.equal(headAnswer(HEAD, told), told);
  for (const status of [204, 205, 304]) {
    const answer = new Response(null, { status });
    assert.equal(headAnswer(HEAD, answer), answer);
  }
});

Deno.test("answers to other methods stay as they are, with the lengths that they have", async () => {
  const get = new Request("http://gateway.example");
  const answer = new Response(null);
  assert.equal(headAnswer(get, answer), answer);
  assert.equal(await lengthTold(() => headAnswer(get, new Response("{}")), "GET"), "2");
  assert.equal(await lengthTold(() => headAnswer(get, new Response(null)), "GET"), "0");
});
