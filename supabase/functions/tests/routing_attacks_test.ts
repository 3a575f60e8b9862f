/** What callers do to send a call, or the check of its signature, elsewhere. */
import assert from "node:assert/strict";
import { createDidToken, signRequest } from "../../../scripts/client/llm_gateway.ts";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { connect } from "./harness/raw_client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
/** Where the runtime's own server lets an upgrade through to the gateway. */
const edge = useWorld({ edge: true });

/** The attacker's server, and how many connections it got. */
const trap = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const TRAP_HOST = `127.0.0.1:${trap.addr.port}`;
const TRAP_URL = `http://${TRAP_HOST}/api/v1`;
let trapped = 0;
const trapping = (async () => {
  for await (const connection of trap) {
    trapped++;
    connection.close();
  }
})();
Deno.test.afterAll(async () => {
  trap.close();
  await trapping;
});

const BODY = chat("who am I?");

/** Asserts that the DID's only call came to OpenRouter, at this path, and that nobody else got one. */
async function assertAtOpenRouter(did: string, path: string): Promise<void> {
  const { db, openrouter } = world;
  const [row] = await db.endedRows(did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row.endpoint, "/chat/completions");
  const requests = openrouter.requestsWith(await db.keyHash(did));
  const calls = requests.filter(({ method }) => method === "POST");
  assert.deepEqual(
    calls.map(({ path, headers }) => [path, headers.host]),
    [[path, new URL(openrouter.url).host]],
  );
  assert.equal(trapped, 0);
}

/** By Portkey's, LiteLLM's and others' names, and by those that reverse proxies know. */
const ROUTING_HEADERS: [name: string, value: string][] = [
  ["x-portkey-custom-host", TRAP_URL],
  ["x-portkey-config", JSON.stringify({ provider: "openai", custom_host: TRAP_URL })],
  ["x-portkey-provider", "openai"],
  ["x-litellm-api-base", TRAP_URL],
  ["x-base-url", TRAP_URL],
  ["x-api-base", TRAP_URL],
  ["x-openai-base-url", TRAP_URL],
  ["x-openrouter-base-url", TRAP_URL],
  ["x-openrouter-api-url", TRAP_URL],
  ["x-upstream-url", TRAP_URL],
  ["x-upstream-host", TRAP_HOST],
  ["x-target-url", TRAP_URL],
  ["x-proxy-url", TRAP_URL],
  ["x-host", TRAP_HOST],
  ["x-original-host", TRAP_HOST],
  ["x-original-url", `${TRAP_URL}/chat/completions`],
  ["x-rewrite-url", `${TRAP_URL}/chat/completions`],
];

Deno.test("no header of the caller's chooses the upstream host (CVE-2025-66405)", async () => {
  const identity = await newIdentity();
  const headers = Object.fromEntries(ROUTING_HEADERS);
  const response = await call(world.gateway, identity, "POST", CHAT, BODY, { headers });
  assert.equal(response.status, 200, await response.text());
  await assertAtOpenRouter(identity.did, "/api/v1/chat/completions");
});

const ROUTING_MEMBERS = {
  base_url: TRAP_URL,
  api_base: TRAP_URL,
  api_url: TRAP_URL,
  custom_host: TRAP_URL,
  endpoint: TRAP_URL,
  host: TRAP_HOST,
  proxy: TRAP_URL,
  litellm_params: { api_base: TRAP_URL },
  extra_body: { api_base: TRAP_URL },
  metadata: { api_base: TRAP_URL },
};

Deno.test("no member of the caller's body chooses the upstream host (CVE-2024-6587)", async () => {
  const identity = await newIdentity();
  const body = chat("who am I?", ROUTING_MEMBERS);
  const response = await call(world.gateway, identity, "POST", CHAT, body);
  assert.equal(response.status, 200, await response.text());
  await assertAtOpenRouter(identity.did, "/api/v1/chat/completions");
});

Deno.test("no query of the caller's chooses the upstream host (CVE-2024-6587)", async () => {
  const identity = await newIdentity();
  const query = `?${new URLSearchParams({
    base_url: TRAP_URL,
    api_base: TRAP_URL,
    url: TRAP_URL,
  })}`;
  const response = await call(world.gateway, identity, "POST", CHAT + query, BODY);
  assert.equal(response.status, 200, await response.text());
  await assertAtOpenRouter(identity.did, `/api/v1/chat/completions${query}`);
});

/** Sends a POST on a connection of its own, with this Host and no other; all that was answered. */
async function sendTo(
  host: string,
  headers: Record<string, string>,
  path = CHAT,
): Promise<{ status: number; text: string }> {
  const { hostname, port, pathname } = new URL(world.gateway.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [
    `POST ${pathname}${path} HTTP/1.1`,
    `host: ${host}`,
    "connection: close",
    "accept-encoding: identity",
    "content-type: application/json",
    `content-length: ${BODY.length}`,
    ...Object.entries(headers).map((pair) => pair.join(": ")),
  ];
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n${BODY}`));
  let text = "";
  for await (const piece of connection.readable.pipeThrough(new TextDecoderStream())) text += piece;
  return { status: Number(text.split(" ")[1]), text };
}

/** The headers that say which host the caller asked for, all of them this one. */
function claiming(host: string): Record<string, string> {
  return {
    "x-forwarded-host": host,
    "x-forwarded-server": host,
    "x-forwarded-proto": "https",
    "x-forwarded-port": "443",
    "x-forwarded-prefix": "/elsewhere",
    "forwarded": `for=127.0.0.1;host="${host}";proto=https`,
  };
}

Deno.test("a foreign Host, X-Forwarded-Host and Forwarded change no route (CVE-2026-49468)", async () => {
  const identity = await newIdentity();
  const signature = await signed(identity, "POST", CHAT, BODY);
  const { status, text } = await sendTo(TRAP_HOST, { ...claiming(TRAP_HOST), ...signature });
  assert.equal(status, 200, text);
  await assertAtOpenRouter(identity.did, "/api/v1/chat/completions");
});

const FOREIGN_HOST = "elsewhere.example";
const FOREIGN_AUDIENCE = `https://${FOREIGN_HOST}/functions/v1/openrouter-proxy`;

Deno.test("a signature for the audience that Host, X-Forwarded-Host and Forwarded name is refused (CVE-2026-49468)", async () => {
  const identity = await newIdentity();
  const signature = await signRequest(identity, {
    audience: FOREIGN_AUDIENCE,
    method: "POST",
    path: CHAT,
    body: BODY,
  });
  const answer = await sendTo(FOREIGN_HOST, { ...claiming(FOREIGN_HOST), ...signature });
  assert.equal(answer.status, 401);
  assert.match(answer.text, /"type":"invalid_signature"/);
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

Deno.test("a token for the audience that Host, X-Forwarded-Host and Forwarded name is refused (CVE-2026-49468)", async () => {
  const identity = await newIdentity();
  const token = await createDidToken(identity, { audience: FOREIGN_AUDIENCE });
  const authorization = `Bearer ${token}`;
  const answer = await sendTo(FOREIGN_HOST, { ...claiming(FOREIGN_HOST), authorization });
  assert.equal(answer.status, 401);
  assert.match(answer.text, /"type":"invalid_token"/);
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

// Deno.serve puts the Host, whatever it holds, before the path when it makes a request's URL.
for (
  const [host, path] of [
    [`${FOREIGN_HOST}/openrouter-proxy/api/v1/health?`, CHAT],
    [`${FOREIGN_HOST}/openrouter-proxy/api/v1/health#`, CHAT],
    [`${FOREIGN_HOST}/openrouter-proxy${CHAT}?`, "/api/v1/health"],
    [`${FOREIGN_HOST}?`, CHAT],
    [`${FOREIGN_HOST}/`, CHAT],
  ] as const
) {
  Deno.test(`the Host ${host} opens no way past authentication to ${path} (CVE-2026-49468)`, async () => {
    const before = world.openrouter.requestCount();
    const { status, text } = await sendTo(host, {}, path);
    assert.equal(status, 400);
    assert.match(text, /"type":"invalid_request"/);
    assert.equal(world.openrouter.requestCount(), before);
  });
}

Deno.test("a signature for one path is refused where the Host holds another (CVE-2026-49468)", async () => {
  const identity = await newIdentity();
  const before = world.openrouter.requestCount();
  const host = `${FOREIGN_HOST}/openrouter-proxy/api/v1/openrouter/completions?`;
  const { status, text } = await sendTo(host, await signed(identity, "POST", CHAT, BODY));
  assert.equal(status, 400, text);
  assert.equal(world.openrouter.requestCount(), before);
  assert.deepEqual(await world.db.rowsOf(identity.did), []);
});

Deno.test("a proxied POST that asks for a WebSocket is a bad request or is answered, and no error of the gateway", async () => {
  const { db, gateway } = edge;
  const identity = await newIdentity();
  const client = await connect(gateway, identity, CHAT, BODY, {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  });
  const status = Number((await client.until("\r\n\r\n")).split(" ")[1]);
  if (status === 200) {
    await client.until('"usage"');
    const [row] = await db.endedRows(identity.did, 1);
    assert.equal(row?.status, "completed");
  } else {
    assert.equal(status, 400);
    assert.deepEqual(await db.rowsOf(identity.did), []);
  }
  client.close();
  assert.doesNotMatch(gateway.output(), /uncaught|unhandled|internal_error/i);
});
