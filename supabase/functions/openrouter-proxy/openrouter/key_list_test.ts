import assert from "node:assert/strict";
import type { Management } from "./management.ts";
import { answered, failureOf } from "../testing/management_answers.ts";

Deno.test("the keys of the gateway's workspace are listed, page by page", async () => {
  const keys = Array.from({ length: 150 }, (_, index) => ({ hash: `key${index}` }));
  const { management, sent } = answered(({ line }) => {
    const offset = Number(new URLSearchParams(line.split("?")[1]).get("offset"));
    return Response.json({ data: keys.slice(offset, offset + 100) });
  }, "ws&offset=0#1");
  assert.equal((await hashes(management)).length, 150);
  const query = "include_disabled=true&workspace_id=ws%26offset%3D0%231";
  assert.deepEqual(
    sent.map(({ line }) => line),
    [`GET /keys?offset=0&${query}`, `GET /keys?offset=90&${query}`],
  );
});

Deno.test("without a workspace none is named, and OpenRouter takes the default one", async () => {
  const { management, sent } = answered(() => Response.json({ data: [] }));
  await hashes(management);
  assert.deepEqual(sent.map(({ line }) => line), ["GET /keys?offset=0&include_disabled=true"]);
});

/** A list of keys that is served in pages of 100 as it is when each page is asked for. */
function listing(count: number, beforePage: (keys: string[], page: number) => void = () => {}) {
  const keys = Array.from({ length: count }, (_, index) => `key${index}`);
  let pages = 0;
  const { management, sent } = answered(({ line }) => {
    beforePage(keys, pages++);
    const query = new URLSearchParams(line.split("?")[1]);
    assert.equal(query.get("include_disabled"), "true");
    const offset = Number(query.get("offset"));
    return Response.json({ data: keys.slice(offset, offset + 100).map((hash) => ({ hash })) });
  });
  return { management, sent, keys };
}

async function hashes(management: Management): Promise<string[]> {
  const listed: string[] = [];
  for await (const { hash } of management.listKeys()) listed.push(hash);
  return listed;
}

for (const count of [0, 1, 99, 100, 101, 190, 191, 250, 1000]) {
  Deno.test(`${count} keys are listed once each, in order`, async () => {
    const { management, keys } = listing(count);
    assert.deepEqual(await hashes(management), keys);
  });
}

Deno.test("keys that are made while listing neither hide others nor repeat them", async () => {
  const { management, keys } = listing(500, (keys, page) => {
    if (page > 0) keys.unshift(...Array.from({ length: 30 }, (_, n) => `new${page}-${n}`));
  });
  const before = [...keys];
  assert.deepEqual(await hashes(management), before);
});

for (const gone of [1, 9, 10, 50, 100]) {
  Deno.test(`${gone} keys that are deleted between pages hide no other`, async () => {
    const { management, keys } = listing(500, (keys, page) => {
      if (page === 1) keys.splice(0, gone);
    });
    const before = [...keys];
    const listed = await hashes(management);
    assert.equal(new Set(listed).size, listed.length);
    for (const key of before.slice(gone)) assert.ok(listed.includes(key), key);
  });
}

Deno.test("a key without a name has an empty one", async () => {
  const { management } = answered(() => Response.json({ data: [{ hash: "a", name: null }] }));
  for await (const { name } of management.listKeys()) assert.equal(name, "");
});

Deno.test("a key that a page names twice is listed once", async () => {
  const { management } = listing(0, (keys) => keys.push("a", "b", "a"));
  assert.deepEqual(await hashes(management), ["a", "b"]);
});

Deno.test("a list that never holds still is given up", async () => {
  const { management, sent } = listing(50_000, (keys) => keys.splice(0, 200));
  const error = await failureOf(hashes(management));
  assert.match(error.message, /change faster than they are listed/);
  assert.equal(sent.filter(({ line }) => line.includes("offset=0&")).length, 5);
});

Deno.test("a list whose pages do not move on is given up", async () => {
  const page = { data: Array.from({ length: 100 }, (_, n) => ({ hash: `hash ${n}`, name: "" })) };
  const { management, sent } = answered(() => Response.json(page));
  const error = await failureOf(hashes(management));
  assert.match(error.message, /change faster than they are listed/);
  assert.equal(sent.length, 10);
});

Deno.test("a listed limit is told in US dollars, whatever a credit is worth", async () => {
  const page = '{"data":[{"hash":"a","limit":12.5},{"hash":"b","limit":null}]}';
  const { management } = answered(() => new Response(page), null, "0.8");
  const limits: unknown[] = [];
  for await (const { limit } of management.listKeys()) limits.push(limit);
  assert.deepEqual(limits, ["10", null]);
});

Deno.test("a listed limit keeps its digits", async () => {
  const { management } = answered(() =>
    new Response(
      '{"data":[{"hash":"a","limit":12.000000000000000001,"limit_reset":"daily"},' +
        '{"hash":"b","limit":1e-7},{"hash":"c","limit":null}]}',
    )
  );
  const limits: unknown[] = [];
  for await (const { limit } of management.listKeys()) limits.push(limit);
  assert.deepEqual(limits, ["12.000000000000000001", "1e-7", null]);
});

Deno.test("an answer without a list is an error", async () => {
  for (const body of ["{}", "null", '{"data":{}}']) {
    const { management } = answered(() => new Response(body));
    assert.equal((await failureOf(hashes(management))).status, null);
  }
});
