/** What one DID has, another one reaches by no path and no body; and what is open to both. */
import assert from "node:assert/strict";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { CALLS as OPEN_CALLS } from "../openrouter-proxy/policy/calls.ts";
import { READS as OPEN_READS } from "../openrouter-proxy/policy/endpoints.ts";
import { AUDIENCE, call, type Identity, newIdentity } from "./harness/client.ts";
import { pathsBetween } from "./harness/contract.ts";
import { crowdFor } from "./harness/crowd.ts";
import type { RequestRow } from "./harness/database.ts";
import { inTurns } from "./harness/in_turns.ts";
import { CALLS, READS } from "./harness/open_paths.ts";
import { reaching, type SharedIds } from "./harness/reaching_bodies.ts";
import { assertRefusal, type Refusal } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();

const API = "/api/v1/openrouter";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const SECRET_WORDS = "the owner's own words";

/** The base URLs below which OpenRouter's paths stand. */
const BASES = [API, `${API}/v1`];

/** Who has something, and who reaches for it. */
let owner: Identity;
let stranger: Identity;
/** The ids of what the owner made, and of the stranger's own generation. */
const own = { generation: "", video: "", strangers: "" };
/** What every key of the account shares, by the paths of the kinds. */
const shared: SharedIds = { "/files": "", "/containers": "", "/batches": "", "/presets": "" };
/** What the operator's other tools call OpenRouter with. */
let otherKey = "";

/** Asks OpenRouter itself, as the operator's other tools do. */
async function atOpenRouter(method: string, path: string, body?: unknown, key = otherKey) {
  const response = await fetch(world.openrouter.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

async function post(identity: Identity, path: string): Promise<string> {
  const body = JSON.stringify(CALLS[path]);
  const response = await call(world.gateway, identity, "POST", API + path, body);
  return (await response.json()).id;
}

Deno.test.beforeAll(async () => {
  [owner, stranger] = [await newIdentity(), await newIdentity()];
  own.generation = await post(owner, "/chat/completions");
  own.video = await post(owner, "/videos");
  own.strangers = await post(stranger, "/chat/completions");
  await world.db.endedRows(owner.did, 2);
  await world.db.endedRows(stranger.did, 1);

  const { managementKey } = world.openrouter;
  otherKey = (await atOpenRouter("POST", "/keys", { name: "other tools" }, managementKey)).key;
  const file = { filename: "secret.txt", content: SECRET_WORDS };
  shared["/files"] = (await atOpenRouter("POST", "/files", file)).id;
  const containsFile = { name: "box", file_ids: [shared["/files"]] };
  shared["/containers"] = (await atOpenRouter("POST", "/containers", containsFile)).id;
  const batch = { endpoint: "/v1/chat/completions", input_file_id: shared["/files"] };
  shared["/batches"] = (await atOpenRouter("POST", "/batches", batch)).id;
  shared["/presets"] = (await atOpenRouter("POST", "/presets", { slug: "house" })).slug;
});

/** All that the stranger must neither change nor add to. */
async function everything(): Promise<unknown> {
  const { db, openrouter } = world;
  const kinds = Object.keys(shared);
  return {
    shared: await Promise.all(kinds.map((kind) => atOpenRouter("GET", kind))),
    keys: openrouter.ledger().keys,
    rows: await rowsOfBoth(),
    booked: await Promise.all([owner, stranger].map(({ did }) => db.booked(did))),
  };
}

async function rowsOfBoth(): Promise<RequestRow[][]> {
  return await Promise.all([owner, stranger].map(({ did }) => world.db.rowsOf(did)));
}

interface Attempt {
  method: string;
  path: string;
  body?: string;
  headers?: Record<string, string>;
}

/** What is expected of the refusal of an attempt. */
interface Expected {
  status: number;
  type: string;
  message: RegExp;
  param?: string;
}

/**
 * The stranger makes those of these attempts that name something of the stranger's own, and others the
 * rest. Each is refused as expected, with a line in the log; nothing is read, changed, forwarded or
 * booked.
 */
async function assertRefused<A extends Attempt>(attempts: A[], expected: (attempt: A) => Expected) {
  const { gateway, openrouter } = world;
  const before = await everything();
  const count = openrouter.requestCount();
  const refused: { id: string; did: string; status: number; type: string }[] = [];
  const crowd = await crowdFor(attempts.length);

  await inTurns(attempts.entries(), async ([index, attempt]) => {
    const { method, path, body, headers = {} } = attempt;
    const { status, type, message, param } = expected(attempt);
    const namesOwn = `${path} ${body}`.includes(own.strangers);
    const caller = namesOwn ? stranger : crowd[index % crowd.length]!;
    const response = await call(gateway, caller, method, path, body, { headers });
    const text = await response.text();
    const what = `${method} ${path} ${body ?? ""}\n${text}`;
    const id = response.headers.get("x-request-id") ?? "";
    refused.push({ id, did: caller.did, status, type });
    assert.equal(response.status, status, what);
    assert.ok(!text.includes(SECRET_WORDS), what);
    if (method === "HEAD") return assert.equal(text, "");
    const refusal: Refusal = assertRefusal(
      { status: response.status, headers: response.headers, body: text },
      status,
      type,
    );
    assert.match(refusal.message, message, what);
    assert.equal(refusal.param, param, what);
  });

  const since = openrouter.requestCount() - count;
  const { recent } = openrouter.ledger().requests;
  const forwarded = since === 0 ? [] : recent.slice(-since).map(({ path }) => path);
  assert.deepEqual(forwarded, []);
  assert.deepEqual(await everything(), before);
  for (const { did } of crowd) assert.deepEqual(await world.db.rowsOf(did), []);
  await until("a line for each refusal", () => {
    const lines = new Map(gateway.log.map((line) => [line.request_id, line]));
    return refused.every(({ id, did, status, type }) => {
      const line = lines.get(id);
      return line?.did === did && line.status === status &&
        String(line.error).startsWith(`${type}: `);
    });
  });
}

/** The spellings by which somebody may hope to get past a list of paths. */
function spellings(path: string): string[] {
  const encoded = `/%${path.charCodeAt(1).toString(16)}${path.slice(2)}`;
  return [
    `${path}/`,
    `${path}/below`,
    `${path}?x=1`,
    path.toUpperCase(),
    encoded,
    encoded.replace("%", "%25"),
    `${path};x`,
    `${path}.json`,
    `${path}%3fx=1`,
    `${path}%253fx=1`,
  ];
}

/** Every path with every method, and every spelling with some method, with and without `/v1`. */
function attemptsAt(paths: string[], methods = METHODS): Attempt[] {
  let turn = 0;
  const taken = <T>(items: T[]) => items[turn++ % items.length]!;
  const plain = paths.flatMap((path) =>
    BASES.flatMap((base) => methods.map((method) => ({ method, path: base + path })))
  );
  const spelled = paths.flatMap(spellings).map((path) => ({
    method: taken(methods),
    path: taken(BASES) + path,
  }));
  return [...plain, ...spelled].map(({ method, path }) => ({
    method,
    path,
    ...(/^(?:GET|HEAD)$/.test(method) ? {} : { body: "{}" }),
  }));
}

Deno.test("no path of the operator's account is open, in whatever spelling, with whatever method", async () => {
  const paths = pathsBetween("The operator's account:", "What every key of the account shares:");
  assert.ok(paths.length > 15);
  const [key] = world.openrouter.keysNamed(owner.did);
  const below = [
    `/keys/${key!.hash}`,
    `/generation/content?id=${own.generation}`,
    `/generation/feedback?id=${own.generation}`,
  ];
  await assertRefused(attemptsAt([...paths, ...below]), () => ({
    status: 403,
    type: "path_forbidden",
    message: /belongs to the operator's OpenRouter account: no user key may reach it/,
  }));
});

Deno.test("no path to what every key shares is open, in whatever spelling, with whatever method", async () => {
  const paths = pathsBetween(
    "What every key of the account shares:",
    "Whatever begins like one of them",
  );
  assert.deepEqual(paths.toSorted(), Object.keys(shared).toSorted());
  const items = Object.entries(shared).map(([path, id]) => `${path}/${id}`);
  const below = [`/files/${shared["/files"]}/content`, `/batches/${shared["/batches"]}/cancel`];
  await assertRefused(attemptsAt([...paths, ...items, ...below]), () => ({
    status: 403,
    type: "path_forbidden",
    message: /is shared by all users.*send content inside the request instead/,
  }));
});

Deno.test("what nobody has looked at is closed, and the refusal says what is near", async () => {
  const paths = [
    "/brand/new",
    "/chat",
    "/chat/completions/gen-1",
    "/responses/gen-1",
    "/messages/batches",
    "/images/generations",
    "/audio",
    "/models.json",
    "/model;x",
    `/generation/${own.generation}`,
    `/generation.json?id=${own.generation}`,
    `/generation;x?id=${own.generation}`,
    `/generation%3fid=${own.generation}`,
    `/generations?id=${own.generation}`,
    `/videos/${own.video};x`,
    `/videos/${own.video}%3fx`,
    `/videos;x/${own.video}`,
    `/videos/${own.video}/cancel`,
    `/videos/${own.video}/content/x`,
  ];
  const attempts = paths.flatMap((path, index) =>
    METHODS.map((method) => ({ method, path: BASES[index % 2] + path }))
  );
  await assertRefused(attempts, () => ({
    status: 403,
    type: "path_forbidden",
    message: /is not open(?:: it takes | on this gateway.*OPENROUTER_EXTRA_PATHS)/,
  }));
});

Deno.test("a path that is open is open for its own methods alone", async () => {
  const { video } = own;
  const attempts = [
    ...Object.keys(CALLS).flatMap((path) => METHODS.map((method) => ({ method, path }))),
    ...["/models", "/key", "/generation", `/videos/${video}`, `/videos/${video}/content`]
      .flatMap((path) => METHODS.map((method) => ({ method, path }))),
  ].filter(({ method, path }) =>
    path in CALLS
      ? method !== "POST" && path !== "/videos" || method === "DELETE"
      : !/^(?:GET|HEAD)$/.test(method)
  ).map(({ method, path }) => ({ method, path: API + path }));
  await assertRefused(attempts, () => ({
    status: 403,
    type: "path_forbidden",
    message: / is not open: it takes (?:POST|GET and HEAD)$/,
  }));
});

Deno.test("another DID's generation and video are 404, in whatever spelling and company", async () => {
  const { generation, video, strangers } = own;
  const paths = [
    `/generation?id=${generation}`,
    `/generation/?id=${generation}`,
    `/Generation?id=${generation}`,
    `/%67eneration?id=${generation}`,
    `/%2567eneration?id=${generation}`,
    `/generation?id=${strangers}&id=${generation}`,
    `/generation?id=${generation}&id=${strangers}`,
    `/generation?ID=${strangers}`,
    "/generation",
    "/generation?id=",
    "/generation?id=gen-unknown",
    `/videos/${video}`,
    `/videos/${video}/`,
    `/VIDEOS/${video}`,
    `/%76ideos/${video}`,
    `/videos/${video}?x=1`,
    `/videos/${video}/content`,
    `/videos/${video}/CONTENT?index=0`,
    `/videos/${video}.json`,
    `/videos/${strangers}?id=${video}`,
    `/videos/${strangers}?video_id=${video}`,
  ];
  const attempts = paths.flatMap((path) =>
    BASES.flatMap((base) => ["GET", "HEAD"].map((method) => ({ method, path: base + path })))
  );
  await assertRefused(attempts, () => ({
    status: 404,
    type: "not_found",
    message: /your log holds no generation or job with this id/,
  }));
});

Deno.test("no body of any call reaches what is shared, and the refusal names the member", async () => {
  const attempts = Object.entries(CALLS).flatMap(([path, body]) =>
    reaching(shared).map(([members, feature, param], index) => ({
      method: "POST",
      path: BASES[index % 2] + path,
      body: JSON.stringify({ ...body, ...members }),
      feature,
      param,
    }))
  );
  await assertRefused(attempts, ({ feature, param }) => ({
    status: 403,
    type: "feature_not_allowed",
    message: new RegExp(`^${feature} reaches what the DIDs of this gateway share.*without it`),
    param,
  }));
});

Deno.test("no body goes on with another DID's job", async () => {
  const { video, strangers } = own;
  const bodies = [
    { previous_job_id: video },
    { fallbacks: [{ previous_job_id: video }] },
    { previous_job_id: strangers, provider: { options: { previous_job_id: video } } },
    { previous_job_id: "gen-vid-unknown" },
  ];
  const attempts = Object.entries(CALLS).flatMap(([path, body]) =>
    bodies.map((members) => ({
      method: "POST",
      path: API + path,
      body: JSON.stringify({ ...body, ...members }),
    }))
  );
  await assertRefused(attempts, () => ({
    status: 404,
    type: "not_found",
    message: /your log holds no generation or job with this id/,
  }));
});

Deno.test("a DID token opens no more than a signature, and names nobody else", async () => {
  const { gateway } = world;
  const before = await everything();
  const bearer = `Bearer ${await createDidToken(stranger, { audience: AUDIENCE })}`;
  const asOwner = { "x-did": owner.did };
  const asked: [path: string, headers: Record<string, string>, status: number][] = [
    [`${API}/files/${shared["/files"]}/content`, {}, 403],
    [`${API}/v1/generation?id=${own.generation}`, {}, 404],
    [`${API}/videos/${own.video}`, asOwner, 401],
    ["/api/v1/usage", asOwner, 401],
  ];
  for (const [path, headers, status] of asked) {
    const response = await fetch(gateway.url + path, {
      headers: { authorization: bearer, ...headers },
    });
    assert.equal(response.status, status, await response.text());
  }
  assert.deepEqual(await everything(), before);
});

Deno.test("a DID's statistics are its own", async () => {
  const { db, gateway } = world;
  for (const { did } of [owner, stranger]) {
    const identity = did === owner.did ? owner : stranger;
    const response = await call(gateway, identity, "GET", "/api/v1/usage?group_by=model");
    const { data } = await response.json();
    assert.deepEqual([data.did, data.total_requests], [did, (await db.rowsOf(did)).length]);
  }
});

Deno.test("every call is answered, and booked for the DID that made it, with and without /v1", async () => {
  const { db, gateway } = world;
  const listed = pathsBetween("- **Calls that cost**", "- **Free reads**");
  assert.deepEqual(Object.keys(OPEN_CALLS).toSorted(), listed.toSorted());
  assert.deepEqual(Object.keys(CALLS).toSorted(), listed.toSorted());
  const attempts = Object.entries(CALLS).flatMap(([path, body]) =>
    BASES.flatMap((base) => [owner, stranger].map((identity) => ({ base, path, body, identity })))
  );
  await inTurns(attempts, async ({ base, path, body, identity }) => {
    const response = await call(gateway, identity, "POST", base + path, JSON.stringify(body));
    const text = await response.text();
    assert.equal(response.status, path === "/videos" ? 202 : 200, `${path}: ${text}`);
    const row = await db.endedRow(response);
    assert.deepEqual([row.did, row.endpoint, row.status], [identity.did, path, "completed"]);
  });
});

Deno.test("every free read is answered and never booked, with and without /v1", async () => {
  const { gateway } = world;
  const listed = pathsBetween("- **Free reads**", "- **One's own only**");
  assert.deepEqual(listed.filter((path) => !(path in READS)), []);
  assert.deepEqual(Object.keys(READS).toSorted(), Object.keys(OPEN_READS).toSorted());
  const before = await rowsOfBoth();
  const attempts = Object.values(READS).flatMap((path) =>
    BASES.flatMap((base) =>
      ["GET", "HEAD"].flatMap((method) =>
        [owner, stranger].map((identity) => ({ method, path: base + path, identity }))
      )
    )
  );
  await inTurns(attempts, async ({ method, path, identity }) => {
    const response = await call(gateway, identity, method, path);
    const text = await response.text();
    assert.equal(response.status, 200, `${method} ${path}: ${text}`);
    assert.equal(text === "", method === "HEAD");
  });
  assert.deepEqual(await rowsOfBoth(), before);
});

Deno.test("one's own generation and video are read, with and without /v1", async () => {
  const { gateway } = world;
  for (const base of BASES) {
    const generation = await call(
      gateway,
      owner,
      "GET",
      `${base}/generation?id=${own.generation}`,
    );
    assert.equal((await generation.json()).data.id, own.generation);
    const video = await call(gateway, owner, "GET", `${base}/videos/${own.video}`);
    assert.equal((await video.json()).id, own.video);
    const content = await call(gateway, owner, "GET", `${base}/videos/${own.video}/content`);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    await content.body?.cancel();
  }
  // What the video cost is booked by the first look at it, behind its answer.
  await until("the video's cost to be booked", async () => {
    const rows = await world.db.rowsOf(owner.did);
    return rows.some(({ generation_id, total_cost }) =>
      generation_id === own.video && total_cost !== null
    );
  });
});

Deno.test("counting tokens is OpenRouter's to answer, and never booked", async () => {
  const { gateway, openrouter } = world;
  const before = await rowsOfBoth();
  for (const base of BASES) {
    const body = JSON.stringify(CALLS["/messages"]);
    const response = await call(gateway, stranger, "POST", `${base}/messages/count_tokens`, body);
    assert.equal(response.status, 404);
    assert.deepEqual(await response.json(), { error: { message: "Not Found", code: 404 } });
    const [request] = openrouter.ledger().requests.recent.slice(-1);
    assert.equal(request?.path, "/api/v1/messages/count_tokens");
  }
  assert.deepEqual(await rowsOfBoth(), before);
});

Deno.test("a shared feature that the operator opens passes, and the others do not", async () => {
  const { db: { sql }, gateway } = world;
  const features = [...new Set(reaching(shared).map(([, feature]) => feature))];
  const path = "/chat/completions";
  const [before] = await sql`select allowed_server_tools as tools from public.gateway_settings`;
  try {
    // The tools around those that are shared are a matter of limits.
    await sql`select public.set_gateway_limits(
      allowed_server_tools => ${[...before!.tools, "advisor", "fusion", "subagent"]})`;
    for (const opened of features) {
      const [caller] = await crowdFor(1);
      await sql`update public.gateway_settings set shared_features = ${[opened]}`;
      for (const [members, feature, param] of reaching(shared)) {
        const body = JSON.stringify({ ...CALLS[path], ...members });
        const response = await call(gateway, caller!, "POST", API + path, body);
        const { error } = await response.json();
        const isRefused = error?.type === "feature_not_allowed";
        assert.equal(isRefused, feature !== opened, `${body} with ${opened} open`);
        if (isRefused) assert.equal(error.param, param);
      }
    }
  } finally {
    await sql`select public.set_gateway_limits(
      shared_features => '{}', allowed_server_tools => ${before!.tools})`;
  }
});
