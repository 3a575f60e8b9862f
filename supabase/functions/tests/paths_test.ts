import assert from "node:assert/strict";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { type RawAnswer, rawRequest } from "./harness/raw_http.ts";
import { assertRefusal } from "./harness/refusal.ts";
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

/** Where an absolute target leads, the gateway's own host written as `$`. */
const FOREIGN_TARGETS = [
  "http://elsewhere.example",
  "https://elsewhere.example",
  "ftp://elsewhere.example",
  "http://user@$",
  "http://$.elsewhere.example",
  "http://elsewhere.example:80",
];

for (const origin of FOREIGN_TARGETS) {
  Deno.test(`a target in absolute form whose host is not the Host header's is refused: ${origin}`, async () => {
    const { host } = new URL(world.gateway.url);
    for (const path of ["/api/v1/health", `${PROXY}/models`]) {
      const answer = await refusedRaw(
        "GET",
        path,
        (target) => `${origin.replace("$", host)}${target}`,
      );
      const { message } = assertRefusal(answer, 400, "invalid_request");
      assert.match(message, /target.*host/);
    }
  });
}

Deno.test("a target in absolute form that names the Host header's host is the same request (RFC 9112 section 3.2.2)", async () => {
  const { gateway } = world;
  const { origin, pathname } = new URL(gateway.url);
  const path = `${PROXY}/models/count`;
  const headers = Object.entries(await signed(await newIdentity(), "GET", path));
  for (const start of [origin, origin.replace("http:", "HTTP:")]) {
    const answer = await rawRequest(gateway.url, "GET", `${start}${pathname}${path}`, headers);
    assert.equal(answer.status, 200, answer.body);
  }
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

const REGIONS: [sent: string, arrives: string][] = [
  ["?forceFunctionRegion=eu-central-1", ""],
  ["?a=1&forceFunctionRegion=eu-central-1&b=%20", "?a=1&b=%20"],
  ["?forceFunctionRegion&a=1", "?a=1"],
  ["?xforceFunctionRegion=1", "?xforceFunctionRegion=1"],
];

for (const [sent, arrives] of REGIONS) {
  Deno.test(`of the query ${sent}, OpenRouter sees "${arrives}": a region is the platform's to choose`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const response = await call(gateway, identity, "GET", `${PROXY}/models/count${sent}`);
    assert.equal(response.status, 200, await response.text());
    const [request] = openrouter.ledger().requests.recent.slice(-1);
    assert.equal(request?.path, `/api/v1/models/count${arrives}`);
  });
}
