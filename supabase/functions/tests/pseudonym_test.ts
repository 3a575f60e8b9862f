/** What the providers know a DID by, as OpenRouter receives it. */
import assert from "node:assert/strict";
import { call, type Identity, newIdentity } from "./harness/client.ts";
import { startFront } from "./harness/front.ts";
import { CALLS } from "./harness/open_paths.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld({ env: { OPENROUTER_API_URL: front.url } });
Deno.test.beforeAll(() => {
  front.target = world.openrouter.url;
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";

/** The text that OpenRouter receives of a body that this DID sends. */
async function received(identity: Identity, path: string, body: string): Promise<string> {
  let arrived = "";
  front.handlers.set(`POST ${path}`, (_request, response, bytes) => {
    arrived = new TextDecoder().decode(bytes);
    response.writeHead(200, { "content-type": "application/json" }).end('{"usage":{"cost":0}}');
  });
  const response = await call(world.gateway, identity, "POST", API + path, body);
  assert.equal(response.status, 200, await response.text());
  return arrived;
}

interface Member {
  path: string;
  /** The pseudonym in a body. */
  in: (body: Record<string, never>) => unknown;
  /** Members by which a client names somebody itself. */
  own: Record<string, unknown>;
  /** Members by which it names nobody. */
  nobody: Record<string, unknown>;
}

const user = (path: string): Member => ({
  path,
  in: ({ user }) => user,
  own: { user: "the client's own" },
  nobody: { user: null },
});
const MEMBERS: Member[] = [
  user("/chat/completions"),
  user("/completions"),
  user("/embeddings"),
  {
    path: "/responses",
    in: ({ safety_identifier }) => safety_identifier,
    own: { safety_identifier: "the client's own" },
    nobody: { safety_identifier: "" },
  },
  {
    path: "/messages",
    in: ({ metadata }) => Object(metadata).user_id,
    own: { metadata: { user_id: "the client's own" } },
    nobody: { metadata: {} },
  },
];

for (const { path, in: pseudonymIn, own, nobody } of MEMBERS) {
  Deno.test(`${path} names the DID to the providers by a pseudonym, the same each time and nobody else's`, async () => {
    const [one, other] = [await newIdentity(), await newIdentity()];
    const body = JSON.stringify(CALLS[path]);
    const pseudonyms: unknown[] = [];
    for (const identity of [one, one, other]) {
      const arrived = await received(identity, path, body);
      assert.ok(!arrived.includes(identity.did));
      pseudonyms.push(pseudonymIn(JSON.parse(arrived)));
    }
    const [first, again, others] = pseudonyms;
    assert.match(String(first), /^[0-9a-f]{32}$/);
    assert.equal(again, first);
    assert.match(String(others), /^[0-9a-f]{32}$/);
    assert.notEqual(others, first);

    const unnamed = await received(one, path, JSON.stringify({ ...CALLS[path], ...nobody }));
    assert.equal(pseudonymIn(JSON.parse(unnamed)), first);
  });

  Deno.test(`${path} passes on whom the client names itself, to the byte`, async () => {
    const body = JSON.stringify({ usage: {}, ...CALLS[path], ...own }, null, 1);
    assert.equal(await received(await newIdentity(), path, body), body);
  });
}

Deno.test("a DID is the same to the providers at every endpoint", async () => {
  const identity = await newIdentity();
  const pseudonyms = new Set<unknown>();
  for (const { path, in: pseudonymIn } of MEMBERS) {
    const arrived = await received(identity, path, JSON.stringify(CALLS[path]));
    pseudonyms.add(pseudonymIn(JSON.parse(arrived)));
  }
  assert.equal(pseudonyms.size, 1);
});

for (const path of ["/rerank", "/images", "/audio/speech", "/systemone"]) {
  Deno.test(`${path} has no member for a pseudonym, and its body arrives to the byte`, async () => {
    const body = JSON.stringify(CALLS[path], null, 1);
    assert.equal(await received(await newIdentity(), path, body), body);
  });
}
