import assert from "node:assert/strict";
import fc from "fast-check";
import { originOf } from "./origin.ts";

function of(headers: Record<string, string>, sessionId: string | null = null) {
  return originOf(new Headers(headers), sessionId);
}

Deno.test("a request that says nothing belongs to no session and no label", () => {
  assert.deepEqual(of({}), { session: null, label: null });
  assert.deepEqual(of({ "x-session-id": "", "x-label": " " }, ""), { session: null, label: null });
});

Deno.test("the body's session counts before the headers, and OpenRouter's header before Claude Code's", () => {
  const headers = { "x-session-id": "header", "x-claude-code-session-id": "claude" };
  assert.equal(of(headers, "body").session, "body");
  assert.equal(of(headers, "").session, "header");
  assert.equal(of(headers).session, "header");
  assert.equal(of({ "x-claude-code-session-id": "claude" }).session, "claude");
  assert.equal(of({ ...headers, "x-label": "job 7" }).label, "job 7");
});

Deno.test("names have up to 128 characters, of any alphabet", () => {
  for (const name of ["a".repeat(128), "😀".repeat(128), "Zoë", "客户-7", "a/b:c@d e"]) {
    assert.equal(of({}, name).session, name);
  }
});

Deno.test("a header's bytes are UTF-8 where they can be, and Latin-1 where they cannot", () => {
  const latin1 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
  assert.equal(of({ "x-label": latin1("Zoë 客户") }).label, "Zoë 客户");
  assert.equal(of({ "x-label": "Zo\xeb" }).label, "Zoë");
  assert.equal(of({ "x-label": latin1("ë".repeat(128)) }).label, "ë".repeat(128));
});

const BAD = [
  "a".repeat(129),
  "😀".repeat(129),
  "a\0b",
  "a\nb",
  "\x7f",
  "a\x85b",
  "\ud800",
  "a".repeat(1e6),
];

for (const bad of BAD) {
  Deno.test(`a session ${JSON.stringify(bad.slice(0, 9))} of ${bad.length} is refused by name`, () => {
    assert.throws(() => of({}, bad), { type: "invalid_request", details: { param: "session_id" } });
  });
}

Deno.test("a header that is too long is refused by name, where it counts", () => {
  const long = "a".repeat(129);
  for (const name of ["x-session-id", "x-claude-code-session-id", "x-label"]) {
    assert.throws(() => of({ [name]: long }), {
      type: "invalid_request",
      message: `${name} must be at most 128 characters, without control characters`,
      details: { param: name },
    });
  }
  assert.equal(of({ "x-session-id": long }, "body").session, "body");
});

Deno.test("whatever a session is, it is taken as it is or refused", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 140 }), (name) => {
    let session;
    try {
      session = of({}, name).session;
    } catch (error) {
      assert.equal((error as { type?: string }).type, "invalid_request");
      assert.ok([...name].length > 128 || /\p{Cc}|\p{Cs}/u.test(name));
      return;
    }
    assert.equal(session, name);
  }));
});
