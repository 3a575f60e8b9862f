import assert from "node:assert/strict";
import { endpointOf, isForbidden, ownedGenerationOf } from "./endpoints.ts";

const CALLS: [path: string, jsonBody: boolean, includeUsage: boolean, beginsJob: boolean][] = [
  ["/chat/completions", true, true, false],
  ["/completions", true, true, false],
  ["/responses", true, false, false],
  ["/messages", true, false, false],
  ["/embeddings", true, false, false],
  ["/rerank", true, false, false],
  ["/images", true, false, false],
  ["/audio/transcriptions", false, false, false],
  ["/audio/speech", true, false, false],
  ["/videos", true, false, true],
  ["/something/new", false, false, false],
  ["/chat/completions/", true, true, false],
  ["/Chat/Completions", true, true, false],
  ["/%76ideos", true, false, true],
];

for (const [path, jsonBody, includeUsage, beginsJob] of CALLS) {
  Deno.test(`a POST to ${path} is booked as a call`, () => {
    assert.deepEqual(endpointOf("POST", path), {
      books: "call",
      jsonBody,
      includeUsage,
      beginsJob,
    });
  });
}

// BerriAI/litellm #17814: a GET of a stored response was billed again.
for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
  Deno.test(`a ${method} is not booked as a call`, () => {
    for (const path of ["/responses/gen-1", "/generation", "/models", "/chat/completions"]) {
      assert.equal(endpointOf(method, path).books, "nothing");
    }
  });
}

Deno.test("a GET of a video, or of what it shows, is a look at a job", () => {
  assert.equal(endpointOf("GET", "/videos/abc").books, "job");
  assert.equal(endpointOf("GET", "/videos/abc/content").books, "job");
  assert.equal(endpointOf("HEAD", "/videos/abc").books, "job");
  for (const path of ["/%76ideos/abc", "/videos/abc/", "/Videos/abc", "/videos/abc/Content"]) {
    assert.equal(endpointOf("GET", path).books, "job", path);
  }
  for (const path of ["/videos", "/videos/", "/videos/models"]) {
    assert.equal(endpointOf("GET", path).books, "nothing", path);
  }
});

const FORBIDDEN = [
  "/keys",
  "/keys/abc",
  "/keysomething",
  "/auth/keys",
  "/credits",
  "/credits/coinbase",
  "/activity",
  "/analytics",
  "/byok",
  "/guardrails",
  "/workspaces/1",
  "/organization",
  "/observability",
  "/scim",
  "/files",
  "/vault",
  "/interns",
  "/containers",
  "/generation/content",
  "/KEYS",
  "/Generation/Content",
  "/%6beys",
  "/%256beys",
  "/k%65ys/abc",
];

for (const path of FORBIDDEN) {
  Deno.test(`no user key reaches ${path}, with any method`, () => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]) {
      assert.equal(isForbidden(method, path), true, method);
    }
  });
}

Deno.test("presets can be read and not be written", () => {
  for (const path of ["/presets", "/presets/a", "/PRESETS/a", "/%70resets/a"]) {
    assert.equal(isForbidden("GET", path), false);
    assert.equal(isForbidden("HEAD", path), false);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      assert.equal(isForbidden(method, path), true, `${method} ${path}`);
    }
  }
});

for (const path of ["/key", "/generation", "/models", "/chat/completions", "/chat/keys", "/"]) {
  Deno.test(`${path} is open to user keys`, () => {
    assert.equal(isForbidden("GET", path), false);
  });
}

const OWNED: [path: string, search: string, id: string | null][] = [
  ["/generation", "?id=gen-1", "gen-1"],
  ["/generation", "?x=1&id=gen%2D1", "gen-1"],
  ["/generation", "?id=gen-1&id=gen-2", ""],
  ["/generation", "?ID=gen-1", ""],
  ["/generation", "", ""],
  ["/generation/", "?id=gen-1", "gen-1"],
  ["/Generation", "?id=gen-1", "gen-1"],
  ["/%67eneration", "?id=gen-1", "gen-1"],
  ["/generations", "?id=gen-1", null],
  ["/videos/abc", "", "abc"],
  ["/videos/abc/content", "?index=0", "abc"],
  ["/VIDEOS/abc", "", "abc"],
  ["/%2576ideos/abc", "", "abc"],
  ["/videos", "", null],
  ["/responses/gen-1", "", null],
];

for (const [path, search, id] of OWNED) {
  Deno.test(`${path}${search} ${id === null ? "names nobody's" : `names "${id}" as a`} generation or job`, () => {
    assert.equal(ownedGenerationOf(path, search), id);
  });
}
