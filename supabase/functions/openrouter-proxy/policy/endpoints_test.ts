import assert from "node:assert/strict";
import type { CallEndpoint } from "./calls.ts";
import { openedBy, openPaths } from "./endpoints.ts";

const READS = ["GET", "HEAD"];
const METHODS = [...READS, "POST", "PUT", "PATCH", "DELETE"];

function opened(method: string, path: string, search = "", extraPaths: string[] = []) {
  return openedBy(method, { path, search }, extraPaths);
}

function isClosed(method: string, path: string, extraPaths: string[] = []): void {
  assert.throws(() => opened(method, path, "", extraPaths), { type: "path_forbidden" }, path);
}

const BOUNDS = ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls"];
// The table once more, because no other unit test would notice a change of what bounds or names a call.
const CALLS: [path: string, differences: Partial<CallEndpoint>][] = [
  ["/chat/completions", {
    addsUsage: true,
    pseudonym: "user",
    boundedBy: ["max_tokens", "max_completion_tokens"],
  }],
  ["/completions", { addsUsage: true, pseudonym: "user", boundedBy: ["max_tokens"] }],
  ["/responses", {
    pseudonym: "safety_identifier",
    boundedBy: ["max_output_tokens", "max_tool_calls"],
  }],
  ["/messages", { pseudonym: "metadata.user_id", boundedBy: ["max_tokens"] }],
  ["/embeddings", { pseudonym: "user", charges: "prompt" }],
  ["/rerank", { charges: "prompt" }],
  ["/images", { charges: "images" }],
  ["/audio/transcriptions", { body: "any", charges: "other" }],
  ["/audio/speech", { charges: "other" }],
  ["/videos", { beginsJob: true, charges: "job" }],
  ["/systemone", { boundedBy: [], data: ["state", "questions"], bareNamesOf: "typesafe" }],
];

for (const [path, differences] of CALLS) {
  Deno.test(`a POST to ${path} is a call that costs, in whatever spelling`, () => {
    const endpoint = {
      kind: "call",
      body: "json",
      addsUsage: false,
      pseudonym: null,
      beginsJob: false,
      charges: "tokens",
      boundedBy: BOUNDS,
      data: [],
      bareNamesOf: null,
      bookedAs: null,
      ...differences,
    };
    const encoded = `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`;
    for (
      const spelling of [path, `${path}/`, path.toUpperCase(), encoded, encoded.replace("%", "%25")]
    ) {
      assert.deepEqual(opened("POST", spelling, "?x=1"), { path, search: "?x=1", endpoint });
    }
    isClosed("POST", `${path}/below`);
    for (const method of METHODS.filter((method) => method !== "POST")) {
      if (path !== "/videos") isClosed(method, path);
    }
  });
}

const FREE_READS = [
  "/models",
  "/models/count",
  "/models/openai/gpt-4o-mini/endpoints",
  "/model/openai/gpt-4o-mini",
  "/model/meta-llama/llama-3.3-70b-instruct:free",
  "/embeddings/models",
  "/images/models",
  "/images/models/google/gemini",
  "/videos/models",
  "/endpoints/zdr",
  "/providers",
  "/tools",
  "/tools/web_search",
];
const READS_WITH_A_KEY = [
  "/models/user",
  "/benchmarks",
  "/datasets/rankings",
  "/classifications/task",
  "/key",
];

for (const path of [...FREE_READS, ...READS_WITH_A_KEY]) {
  Deno.test(`${path} is read for nothing, and not written`, () => {
    const endpoint = { kind: "free", needsKey: READS_WITH_A_KEY.includes(path) };
    for (const method of READS) {
      assert.deepEqual(opened(method, path, "?a=b"), { path, search: "?a=b", endpoint });
    }
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) isClosed(method, path);
  });
}

Deno.test("what stands below a read keeps its spelling, and is nothing that could cut a path", () => {
  assert.equal(opened("GET", "/MODELS/Author/Slug").path, "/models/Author/Slug");
  assert.equal(opened("GET", "/model/a/b%3Afree").path, "/model/a/b%3Afree");
  assert.equal(opened("GET", "/models/a/b/endpoints/").path, "/models/a/b/endpoints");
  for (
    const path of ["/models/a;b", "/models/a%3fb", "/models/a%23b", "/model/a%20b", "/models/a,b"]
  ) {
    isClosed("GET", path);
  }
});

Deno.test("a model's page leads to no preset of the operator's", () => {
  for (const path of ["/model/@preset/mine", "/models/%40preset/mine", "/model/%2540preset/mine"]) {
    isClosed("GET", path);
  }
});

Deno.test("counting the tokens of a message is free, and not booked", () => {
  const endpoint = { kind: "free", needsKey: false };
  assert.deepEqual(opened("POST", "/messages/count_tokens").endpoint, endpoint);
  isClosed("GET", "/messages/count_tokens");
});

const GENERATIONS: [path: string, search: string, id: string][] = [
  ["/generation", "?id=gen-1", "gen-1"],
  ["/generation", "?x=1&id=gen%2D1", "gen-1"],
  ["/generation", "?id=gen-1&id=gen-2", ""],
  ["/generation", "?ID=gen-1", ""],
  ["/generation", "?id=%00", ""],
  ["/generation", "", ""],
  ["/generation/", "?id=gen-1", "gen-1"],
  ["/Generation", "?id=gen-1", "gen-1"],
  ["/%67eneration", "?id=gen-1", "gen-1"],
];

for (const [path, search, id] of GENERATIONS) {
  Deno.test(`${path}${search} asks for "${id}" and nothing else`, () => {
    assert.deepEqual(opened("GET", path, search), {
      path: "/generation",
      search: `?id=${id}`,
      endpoint: { kind: "generation", id },
    });
  });
}

const JOBS: [path: string, search: string, forwarded: string, jobId: string][] = [
  ["/videos/gen-vid-Abc", "", "/videos/gen-vid-Abc", "gen-vid-Abc"],
  ["/videos/abc/content", "?index=0", "/videos/abc/content", "abc"],
  ["/VIDEOS/Abc/Content/", "", "/videos/Abc/content", "Abc"],
  ["/%76ideos/abc", "", "/videos/abc", "abc"],
  ["/videos/abc", "?id=other", "/videos/abc", ""],
  ["/videos/abc", "?video_id[]=other", "/videos/abc", ""],
  ["/videos/abc", "?_ID=other", "/videos/abc", ""],
  ["/videos/abc", "?grid=2", "/videos/abc", "abc"],
  ["/videos/abc", "?ideal=2&my_idol=3", "/videos/abc", "abc"],
];

for (const [path, search, forwarded, jobId] of JOBS) {
  Deno.test(`GET ${path}${search} is a look at ${jobId ? `the job ${jobId}` : "nobody's job"}`, () => {
    assert.deepEqual(opened("GET", path, search), {
      path: forwarded,
      search,
      endpoint: { kind: "job", jobId },
    });
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) isClosed(method, path);
  });
}

/** Spelled so that somebody may take them for a generation's or a job's. */
const DISGUISED = [
  "/generation%3fid=gen-1",
  "/generation%253fid=gen-1",
  "/generation;a",
  "/generation.json",
  "/generations",
  "/generation/gen-1",
  "/videos;x/abc",
  "/videos.json",
  "/videos/abc;x",
  "/videos/abc%3fx",
  "/videos/a%62c",
  "/videos/abc/content;x",
  "/videos/abc/cancel",
  "/videos/abc/content/x",
];

for (const path of DISGUISED) {
  Deno.test(`${path} is closed, and no extra path opens it`, () => {
    for (const method of METHODS) {
      isClosed(method, path);
      isClosed(method, path, ["*"]);
    }
  });
}

/** Once more, because what is closed is a decision of security: to open one takes two edits. */
const CLOSED = [
  "/keys",
  "/auth",
  "/oauth",
  "/provisioning",
  "/credits",
  "/activity",
  "/analytics",
  "/byok",
  "/guardrails",
  "/workspaces",
  "/organization",
  "/observability",
  "/scim",
  "/end-users",
  "/private-endpoints",
  "/vault",
  "/interns",
  "/mcp",
  "/generation/content",
  "/generation/feedback",
  "/files",
  "/containers",
  "/batches",
  "/presets",
];

for (const path of CLOSED) {
  Deno.test(`${path} is closed with every method, and no extra path opens it`, () => {
    const encoded = `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`;
    for (
      const spelling of [
        path,
        `${path}/`,
        `${path}/below`,
        `${path};x`,
        `${path}.json`,
        `/v1${path}`,
        `/v1/V1${path}`,
        path.toUpperCase(),
        encoded,
        encoded.replace("%", "%25"),
      ]
    ) {
      for (const method of METHODS) {
        isClosed(method, spelling);
        isClosed(method, spelling, ["*"]);
        isClosed(method, spelling, [path]);
      }
    }
  });
}

Deno.test("an extra path opens itself and what is below, and a POST there may cost", () => {
  const extra = ["/new/endpoint"];
  const call = opened("POST", "/New/Endpoint/x", "?y", extra);
  assert.deepEqual([call.path, call.search], ["/New/Endpoint/x", "?y"]);
  assert.deepEqual(call.endpoint, {
    kind: "call",
    body: "any",
    addsUsage: false,
    pseudonym: null,
    beginsJob: false,
    charges: "other",
    boundedBy: BOUNDS,
    data: [],
    bareNamesOf: null,
    bookedAs: "/new/endpoint",
  });
  for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
    assert.deepEqual(opened(method, "/new/endpoint", "", extra).endpoint, {
      kind: "free",
      needsKey: false,
    });
  }
  for (const path of ["/new", "/new/endpoints", "/newer/endpoint", "/"]) {
    isClosed("POST", path, extra);
  }
});

Deno.test("all paths may be opened but those that never are", () => {
  const { endpoint } = opened("POST", "/anything", "", ["*"]);
  assert.ok(endpoint.kind === "call");
  assert.equal(
    endpoint.bookedAs,
    "other",
    "what anybody may invent has no row of totals of its own",
  );
  assert.equal(opened("DELETE", "/chat/completions", "", ["*"]).endpoint.kind, "free");
});

Deno.test("what somebody may have meant are all paths of a method that are spelled out", () => {
  const calls = openPaths("POST").slice(0, -1);
  assert.ok(calls.includes("/chat/completions"));
  assert.deepEqual(openPaths("POST"), [...calls, "/messages/count_tokens"]);
  assert.deepEqual(openPaths("GET"), [
    ...calls,
    ...["/models", "/models/user", "/embeddings/models", "/images/models", "/videos/models"],
    ...["/endpoints/zdr", "/providers", "/tools", "/benchmarks", "/classifications/task", "/key"],
    ...["/generation?id=…", "/videos/{id}"],
  ]);
});

const EXTRA = "The operator can open more paths with OPENROUTER_EXTRA_PATHS";
const suggested = (path: string, meant: string) =>
  `${path} is not open on this gateway; did you mean /api/v1/openrouter${meant}? ${EXTRA}`;
const unlike = (path: string) => `${path} is not open on this gateway. ${EXTRA}`;
const REFUSALS: [method: string, path: string, message: string][] = [
  ["POST", "/chat/completion", suggested("/chat/completion", "/chat/completions")],
  ["GET", "/model", suggested("/model", "/models")],
  ["GET", "/chat/completion", suggested("/chat/completion", "/chat/completions")],
  ["GET", "/generatio", suggested("/generatio", "/generation?id=…")],
  ["GET", "/tool/*", suggested("/tool/*", "/tools")],
  ["POST", "/chat", suggested("/chat", "/chat/completions")],
  // What SDKs have beside, and what is like no path that is open.
  ["POST", "/images/generations", suggested("/images/generations", "/images")],
  ["POST", "/threads", unlike("/threads")],
  ["POST", "/moderations", unlike("/moderations")],
  ["POST", "/vector_stores", unlike("/vector_stores")],
  ["POST", "/v2/chat", suggested("/v2/chat", "/chat/completions")],
  ["GET", "/fine_tuning/jobs", unlike("/fine_tuning/jobs")],
  // A base URL that ends in /v1, or in another API's base, before a client that appends its own.
  ["POST", "/v1/messages", suggested("/v1/messages", "/messages")],
  ["POST", "/api/v1/responses", suggested("/api/v1/responses", "/responses")],
  ["GET", "/chat/completions", "GET /chat/completions is not open: it takes POST"],
  ["GET", "/messages/count_tokens", "GET /messages/count_tokens is not open: it takes POST"],
  ["GET", "/videos/abc/frames", suggested("/videos/abc/frames", "/videos")],
  ["HEAD", "/videos/a%2dc", suggested("/videos/a%2dc", "/videos")],
  ["DELETE", "/Videos/abc", "DELETE /Videos/abc is not open: it takes GET and HEAD"],
  ["POST", "/models/user", "POST /models/user is not open: it takes GET and HEAD"],
  ["POST", "/generation", "POST /generation is not open: it takes GET and HEAD"],
  [
    "GET",
    "/Credits",
    "/Credits belongs to the operator's OpenRouter account: no user key may reach it",
  ],
  [
    "POST",
    "/Files",
    "/Files is shared by all users of this gateway's OpenRouter account, so it is closed to each of " +
    "them; send content inside the request instead",
  ],
];

for (const [method, path, message] of REFUSALS) {
  Deno.test(`the refusal of ${method} ${path} says what to do`, () => {
    assert.throws(() => opened(method, path), { type: "path_forbidden", message });
  });
}

Deno.test("the id of a generation is forwarded as the one that was checked", () => {
  for (
    const [search, id] of [["?id=a%26id=b", "a&id=b"], ["?id=a%23b", "a#b"], [
      "?id=a+b",
      "a b",
    ]] as const
  ) {
    const found = opened("GET", "/generation", search);
    assert.deepEqual(found.endpoint, { kind: "generation", id });
    assert.deepEqual(new URLSearchParams(found.search).getAll("id"), [id]);
    assert.deepEqual([...new URL(`https://x/${found.search}`).searchParams], [["id", id]]);
  }
});
