import assert from "node:assert/strict";
import { call, CHAT, newIdentity } from "./harness/client.ts";
import { sha256 } from "./harness/openrouter.ts";
import { assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

/** Sends a body to a path below OpenRouter's API; gives what OpenRouter received of it. */
async function received(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", `/api/v1/openrouter${path}`, body);
  await response.body?.cancel();
  const [request, ...more] = openrouter.requestsWith(await db.keyHash(identity.did))
    .filter((request) => request.method === "POST");
  assert.ok(request);
  assert.equal(more.length, 0);
  return request.body_sha256;
}

/** With somebody named, so that nothing but `usage` is added. */
const BODIES: [what: string, sent: string, arrives: string][] = [
  [
    "large integers, floats and exponents",
    '{"seed":12345678901234567890,"temperature":1.0,"top_p":1E-1,"user":"u"}',
    '{"usage":{"include":true},"seed":12345678901234567890,"temperature":1.0,"top_p":1E-1,"user":"u"}',
  ],
  [
    "its order of keys, repeated ones included",
    '{"z":1,"user":"u","a":2,"z":3}',
    '{"usage":{"include":true},"z":1,"user":"u","a":2,"z":3}',
  ],
  [
    "white space of every kind",
    ' \r\n\t{  "user" :\t"u" ,\r\n  "a":  [ 1,  2 ]  }\n\n',
    ' \r\n\t{"usage":{"include":true},  "user" :\t"u" ,\r\n  "a":  [ 1,  2 ]  }\n\n',
  ],
  [
    "multibyte characters, escaped and not",
    '{"user":"u","text":"é 日本語 🙂 \\u00e9 \\ud83d\\ude42 \\/"}',
    '{"usage":{"include":true},"user":"u","text":"é 日本語 🙂 \\u00e9 \\ud83d\\ude42 \\/"}',
  ],
  [
    "braces in its strings",
    '{"user":"}{,\\"usage\\":","a":{"usage":1}}',
    '{"usage":{"include":true},"user":"}{,\\"usage\\":","a":{"usage":1}}',
  ],
];

for (const [what, sent, arrives] of BODIES) {
  for (const path of ["/chat/completions", "/completions"]) {
    Deno.test(`a body with ${what} reaches ${path} with usage asked for and nothing else changed`, async () => {
      assert.equal(await received(path, sent), sha256(arrives));
    });
  }
}

const UNTOUCHED: [what: string, path: string, sent: string][] = [
  [
    "usage of the client's own",
    "/chat/completions",
    '{"model":"m", "usage":{"include":false},"user":"u"}',
  ],
  ["usage: null", "/chat/completions", '{"usage" : null,"user":"u"}'],
  ["usage with an escape in its name", "/chat/completions", '{"\\u0075sage":{},"user":"u"}'],
  ["somebody named", "/responses", '{"model":"m",  "safety_identifier":"u"}'],
  ["somebody named", "/messages", '{"model":"m",  "metadata":{ "user_id":"u" }}'],
  ["somebody named", "/embeddings", '{"model":"m",  "user":"u"}'],
  ["no member for anybody", "/rerank", '{"model":"m",  "query":"hi"}'],
];

for (const [what, path, sent] of UNTOUCHED) {
  Deno.test(`a body with ${what} reaches ${path} as it was sent`, async () => {
    assert.equal(await received(path, sent), sha256(sent));
  });
}

Deno.test("a body that is no JSON reaches a path without JSON byte for byte", async () => {
  const body = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7 % 256);
  assert.equal(await received("/audio/transcriptions", body), sha256(body));
});

for (
  const sent of ["", "{", "[]", '"text"', "null", '{"model":"m"} {}', '{"model":"m",}', "\xff"]
) {
  Deno.test(`the body ${JSON.stringify(sent)} is refused on a JSON endpoint and not booked`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const before = openrouter.requestCount();
    const bytes = Uint8Array.from(sent, (character) => character.charCodeAt(0));

    const response = await call(gateway, identity, "POST", CHAT, bytes);

    await assertRefused(response, 400, "invalid_request");
    assert.equal(openrouter.requestCount(), before);
    assert.deepEqual(await db.rowsOf(identity.did), []);
  });
}
