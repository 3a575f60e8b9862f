import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { type RawAnswer, rawRequest } from "./harness/raw_http.ts";
import { assertRefusal, assertRefused } from "./harness/refusal.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const PROXY = "/api/v1/openrouter";

/** Signs a path exactly as it is written and sends it so; asserts that nothing reaches OpenRouter. */
async function refusedRaw(method: string, path: string, targetOf = (target: string) => target) {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const before = openrouter.requestCount();
  const body = method === "GET" ? "" : "{}";
  const headers = Object.entries(await signed(identity, method, path, body));
  const target = targetOf(new URL(gateway.url).pathname + path);

  const answer: RawAnswer = await rawRequest(gateway.url, method, target, headers, body);

  assert.equal(openrouter.requestCount(), before, `${method} ${path} reached OpenRouter`);
  assert.deepEqual(await db.rowsOf(identity.did), []);
  assert.equal(await db.keyHash(identity.did), null);
  return answer;
}

const FORBIDDEN = [
  "/keys",
  "/auth",
  "/credits",
  "/activity",
  "/analytics",
  "/byok",
  "/guardrails",
  "/workspaces",
  "/organization",
  "/observability",
  "/scim",
  "/files",
  "/vault",
  "/interns",
  "/containers",
  "/generation/content",
];

/** The same path with its letter after the slash as percent-encodings, one and two layers deep. */
function spellings(path: string): string[] {
  const encoded = `%${path.charCodeAt(1).toString(16)}`;
  return [
    path,
    `${path}/`,
    `${path}/below`,
    `${path}?x=1`,
    path.toUpperCase(),
    `/${encoded}${path.slice(2)}`,
    `/${encoded.replace("%", "%25")}${path.slice(2)}`,
  ];
}

for (const path of FORBIDDEN) {
  Deno.test(`${path} is forbidden to every DID, however it is spelled`, async () => {
    for (const spelling of spellings(path)) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const answer = await refusedRaw(method, PROXY + spelling);
        assertRefusal(answer, 403, "path_forbidden");
      }
    }
  });
}

Deno.test("presets may be read and not written", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const answer = await refusedRaw(method, `${PROXY}/presets/mine`);
    assertRefusal(answer, 403, "path_forbidden");
  }
  const identity = await newIdentity();
  const response = await call(world.gateway, identity, "GET", `${PROXY}/presets/mine`);
  assert.equal(response.status, 404);
  assert.match((await response.json()).error.message, /No such preset/);
});

for (
  const path of [
    "/chat/../keys",
    "/chat/..",
    "/../v1/keys",
    "/./keys",
    "/chat/%2e%2e/keys",
    "/chat/%2E%2E/keys",
    "/chat/.%2e/keys",
    "/%2e/keys",
    "/chat/%252e%252e/keys",
    "//keys",
    "/chat//completions",
    "//elsewhere.example/v1/chat/completions",
    "/http://elsewhere.example/v1",
    "/chat%2fcompletions",
    "/chat%2Fcompletions",
    "/chat%252fcompletions",
    "/chat\\..\\keys",
    "/chat%5ccompletions",
    "/chat%5Ccompletions",
    "/models%00",
    "/models%0d%0ax-injected:1",
    "/models%7f",
    "/models%",
    "/models%zz",
    "/models%ff",
  ]
) {
  Deno.test(`the path ${path} is refused as it is, never repaired`, async () => {
    assertRefusal(await refusedRaw("GET", PROXY + path), 400, "invalid_request");
    assertRefusal(await refusedRaw("POST", PROXY + path), 400, "invalid_request");
  });
}

Deno.test("a target in absolute form chooses no other host", async () => {
  const answer = await refusedRaw(
    "GET",
    `${PROXY}/http://elsewhere.example/models`,
    (target) => `http://elsewhere.example${target}`,
  );
  assertRefusal(answer, 400, "invalid_request");
});

Deno.test("a query reaches OpenRouter as it was signed", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const first = await call(gateway, identity, "POST", CHAT, chat("hello"));
  await first.body?.cancel();
  const rows = await db.endedRows(identity.did, 1);
  const query = "?b=2&a=1&a=%2F%2e%2e&c=a+b%20c&d=%C3%A9&e";
  const response = await call(gateway, identity, "GET", `${PROXY}/models${query}`);
  assert.equal(response.status, 200);
  await response.body?.cancel();
  const [, request] = openrouter.requestsWith(await db.keyHash(identity.did));
  assert.equal(request?.path, `/api/v1/models${query}`);
  assert.deepEqual(await db.rowsOf(identity.did), rows, "reading models is not metered");
});

Deno.test("GET /key is answered for the DID's own key", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  const first = await call(gateway, identity, "POST", CHAT, chat("hello"));
  await first.body?.cancel();
  const rows = await db.endedRows(identity.did, 1);
  const response = await call(gateway, identity, "GET", `${PROXY}/key`);
  assert.equal(response.status, 200);
  assert.equal((await response.json()).data.is_management_key, false);
  assert.deepEqual(await db.rowsOf(identity.did), rows);
});

Deno.test("GET /generation answers the one who generated, and is not billed", async () => {
  const { db, gateway, openrouter } = world;
  const [owner, stranger] = [await newIdentity(), await newIdentity()];
  const generated = await call(gateway, owner, "POST", CHAT, chat("mine"));
  const { id } = await generated.json();
  const [row] = await db.endedRows(owner.did, 1);
  const path = `${PROXY}/generation?id=${id}`;

  const own = await call(gateway, owner, "GET", path);
  assert.equal(own.status, 200);
  assert.equal((await own.json()).data.id, id);
  assert.deepEqual(await db.rowsOf(owner.did), [row]);

  // An account of its own, so that what follows is a matter of ownership alone.
  const first = await call(gateway, stranger, "GET", `${PROXY}/models`);
  await first.body?.cancel();
  const before = openrouter.requestCount();
  for (
    const refused of [
      path,
      `${PROXY}/generation`,
      `${PROXY}/generation?id=`,
      `${PROXY}/generation?id=x&id=${id}`,
      `${PROXY}/Generation?id=${id}`,
      `${PROXY}/generatio%6e?id=${id}`,
    ]
  ) {
    await assertRefused(await call(gateway, stranger, "GET", refused), 404, "not_found");
  }
  assert.equal(openrouter.requestCount(), before);
});

Deno.test("GET /videos/{id} answers the one who ordered the video", async () => {
  const { db, gateway, openrouter } = world;
  const [owner, stranger] = [await newIdentity(), await newIdentity()];
  const ordered = await call(
    gateway,
    owner,
    "POST",
    `${PROXY}/videos`,
    JSON.stringify({ model: "google/veo-3.1", prompt: "a cat" }),
  );
  assert.equal(ordered.status, 202);
  const { id } = await ordered.json();
  await db.endedRows(owner.did, 1);

  const own = await call(gateway, owner, "GET", `${PROXY}/videos/${id}`);
  assert.equal(own.status, 200);
  assert.equal((await own.json()).id, id);

  const first = await call(gateway, stranger, "GET", `${PROXY}/models`);
  await first.body?.cancel();
  const before = openrouter.requestCount();
  const response = await call(gateway, stranger, "GET", `${PROXY}/videos/${id}`);
  await assertRefused(response, 404, "not_found");
  assert.equal(openrouter.requestCount(), before);
});
