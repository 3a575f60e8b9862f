import assert from "node:assert/strict";
import { AUDIENCE, call, newIdentity } from "./harness/client.ts";
import type { RequestRow } from "./harness/database.ts";
import { startFront } from "./harness/front.ts";
import { sha256 } from "./harness/openrouter.ts";
import { connect } from "./harness/raw_client.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld({ env: { OPENROUTER_API_URL: front.url, OPENROUTER_EXTRA_PATHS: "*" } });
Deno.test.beforeAll(() => {
  front.target = world.openrouter.url;
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";

/** Asserts that the DID has one row, completed and booked once, with these members. */
async function assertBooked(did: string, expected: Partial<RequestRow>): Promise<void> {
  const { db, openrouter } = world;
  const [row] = await db.pricedRows(did, 1);
  assert.ok(row);
  const booked = Object.fromEntries(
    Object.keys(expected).map((name) => [name, row[name as keyof RequestRow]]),
  );
  assert.deepEqual(booked, expected);
  assert.equal(row.status, "completed");
  assert.equal(row.error_message, null);
  assert.equal(row.total_cost, openrouter.keyOf(await db.keyHash(did)).usage);
  assert.deepEqual(await db.booked(did), { requests: 1, failed: 0, cost: row.total_cost });
}

const MESSAGES = [{ role: "user", content: "one two three four five" }];
/** 23 bytes are 6 tokens to the simulator, and 5 words are 5. */
const SIX_FIVE = { input_tokens: 6, output_tokens: 5, cached_tokens: 0 };

interface Case {
  path: string;
  body: Record<string, unknown>;
  faults?: string;
  /** What the row says, besides what holds for all. */
  expected: Partial<RequestRow>;
}

const CASES: Case[] = [
  {
    path: "/chat/completions",
    body: { model: "openai/gpt-4o-mini", messages: MESSAGES },
    expected: { ...SIX_FIVE, reasoning_tokens: 0, total_cost: "0.0000039" },
  },
  {
    path: "/completions",
    body: { model: "openai/gpt-4o-mini", prompt: "one two three four five" },
    expected: { ...SIX_FIVE, reasoning_tokens: 0, total_cost: "0.0000039" },
  },
  {
    path: "/responses",
    body: { model: "openai/gpt-4o", input: "one two three four five" },
    faults: "cached:2,reasoning:3",
    expected: {
      ...SIX_FIVE,
      cached_tokens: 2,
      reasoning_tokens: 3,
      total_cost: "0.0000625",
    },
  },
  {
    path: "/responses",
    body: { model: "openai/gpt-4o", input: "one two three four five", max_output_tokens: 3 },
    expected: { input_tokens: 6, output_tokens: 3, total_cost: "0.000045" },
  },
  {
    path: "/messages",
    body: { model: "anthropic/claude-sonnet-4.5", max_tokens: 5, messages: MESSAGES },
    faults: "cached:2",
    expected: {
      ...SIX_FIVE,
      cached_tokens: 2,
      reasoning_tokens: null,
      total_cost: "0.0000876",
    },
  },
  {
    path: "/messages",
    body: { model: "mistralai/mistral-small-byok", messages: MESSAGES },
    expected: { ...SIX_FIVE, total_cost: "0.000000105", upstream_cost: "0.0000021" },
  },
  {
    path: "/images",
    body: { model: "google/gemini-2.5-flash-image", prompt: "a red cube", n: 2 },
    expected: { input_tokens: 3, output_tokens: 2580, total_cost: "0.0774009" },
  },
];

/** Only JSON. */
const JSON_CASES: Case[] = [
  {
    path: "/embeddings",
    body: { model: "openai/text-embedding-3-small", input: ["one two", "three four"] },
    expected: { input_tokens: 5, output_tokens: null, total_cost: "0.0000001" },
  },
  {
    path: "/rerank",
    body: { model: "cohere/rerank-v3.5", query: "q", documents: ["a", "b"] },
    expected: { input_tokens: 1, output_tokens: null, total_cost: "0.002" },
  },
];

const STREAMS: [Case, boolean][] = [
  ...CASES.flatMap((example): [Case, boolean][] => [[example, false], [example, true]]),
  ...JSON_CASES.map((example): [Case, boolean] => [example, false]),
];

for (const [{ path, body, faults = "", expected }, stream] of STREAMS) {
  const members = Object.entries(body).slice(1).map(([name]) => name).join(", ");
  Deno.test(`${path} (${members}${faults && `; ${faults}`}), ${stream ? "streamed" : "as JSON"}, arrives unchanged and is booked by its own usage`, async () => {
    const { gateway, openrouter } = world;
    const identity = await newIdentity();
    const text = JSON.stringify(stream ? { ...body, stream } : body);

    const response = await call(gateway, identity, "POST", API + path, text, {
      headers: { "x-openrouter-simulate": faults },
    });

    assert.equal(response.status, 200);
    assert.equal(
      response.headers.get("content-type"),
      stream ? "text/event-stream" : "application/json",
    );
    const answer = await response.text();
    // A message's item has an id of its own that repeats the generation's; an image has none.
    const direct = await openrouter.answerWithoutGateway(path, text, faults, answer);
    const undated = (text: string) =>
      text.replaceAll(/"(created|created_at|completed_at)":\d+/g, '"$1":0');
    assert.equal(undated(answer), undated(direct));
    await assertBooked(identity.did, {
      endpoint: path,
      method: "POST",
      streaming: stream,
      http_status: 200,
      model: body.model as string,
      generation_id: response.headers.get("x-generation-id"),
      cost_source: "response",
      ...expected,
    });
  });
}

Deno.test("a transcription's multipart body reaches OpenRouter byte for byte, and is booked by its usage", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const boundary = "----a boundary of the test's";
  const file = Uint8Array.from({ length: 50_000 }, (_, index) => index * 7 % 256);
  const part = (head: string) => `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n`;
  const body = new Uint8Array(
    await new Blob([
      part('name="model"') + "openai/whisper-1\r\n",
      part('name="file"; filename="größe.wav"'),
      file,
      `\r\n--${boundary}--\r\n`,
    ]).arrayBuffer(),
  );
  const contentType = `multipart/form-data; boundary="${boundary}"`;

  const response = await call(gateway, identity, "POST", `${API}/audio/transcriptions`, body, {
    headers: { "content-type": contentType },
  });

  assert.equal(response.status, 200);
  assert.equal(
    await response.text(),
    '{"text":"4 seconds of größe.wav","usage":{"seconds":4,"input_tokens":40,"output_tokens":4,' +
      '"total_tokens":44,"cost":0.0004}}',
  );
  const [request] = openrouter.requestsWith(await db.keyHash(identity.did));
  assert.equal(request?.body_sha256, sha256(body));
  assert.equal(request?.headers["content-type"], contentType);
  await assertBooked(identity.did, {
    endpoint: "/audio/transcriptions",
    model: "openai/whisper-1",
    input_tokens: 40,
    total_cost: "0.0004",
    cost_source: "response",
  });
});

Deno.test("speech arrives byte for byte, and is booked from GET /generation", async () => {
  const { gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = JSON.stringify({ model: "openai/gpt-4o-mini-tts", input: "hello", voice: "alloy" });

  const response = await call(gateway, identity, "POST", `${API}/audio/speech`, body);

  assert.equal(response.headers.get("content-type"), "audio/mpeg");
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.deepEqual(bytes, Uint8Array.from({ length: 500 }, (_, index) => index % 256));
  await assertBooked(identity.did, {
    endpoint: "/audio/speech",
    model: "openai/gpt-4o-mini-tts",
    generation_id: response.headers.get("x-generation-id"),
    total_cost: "0.000075",
    cost_source: "generation",
  });
  assert.equal(openrouter.ledger().requests.by_route["GET /generation"], 1);
});

const VIDEO = JSON.stringify({ model: "google/veo-3.1", prompt: "a cat", duration: 4 });

async function createVideo(identity: Awaited<ReturnType<typeof newIdentity>>, faults = "") {
  const { gateway } = world;
  const response = await call(gateway, identity, "POST", `${API}/videos`, VIDEO, {
    headers: { "x-openrouter-simulate": faults },
  });
  assert.equal(response.status, 202);
  const job = await response.json();
  assert.equal(job.status, "pending");
  return job.id as string;
}

Deno.test("a video is charged once, at the first sight of it, however often it is looked at", async () => {
  const { db, gateway } = world;
  const identity = await newIdentity();
  const id = await createVideo(identity, "pending:1");
  const [begun] = await db.endedRows(identity.did, 1);
  assert.equal(begun?.status, "completed");
  assert.equal(begun?.http_status, 202);
  assert.equal(begun?.generation_id, id);
  assert.deepEqual([begun?.total_cost, begun?.cost_source], [null, null]);

  const look = async () => {
    const response = await call(gateway, identity, "GET", `${API}/videos/${id}`);
    assert.equal(response.status, 200);
    return await response.json();
  };
  assert.equal((await look()).status, "in_progress");
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 0, cost: "0" });

  const jobs = await Promise.all(Array.from({ length: 8 }, look));
  assert.ok(jobs.every((job) => job.status === "completed" && job.usage.cost === 1.6));
  await look();

  await db.pricedRows(identity.did, 1);
  await look();
  await assertBooked(identity.did, {
    endpoint: "/videos",
    generation_id: id,
    total_cost: "1.6",
    cost_source: "response",
  });
});

for (const faults of ["", "absolute-urls"]) {
  const how = faults === "" ? "as paths" : "absolute";
  Deno.test(`the URLs of a video, ${how}, lead back through the gateway`, async () => {
    const { gateway } = world;
    const identity = await newIdentity();
    const headers = { "x-openrouter-simulate": faults };
    const begun = await call(gateway, identity, "POST", `${API}/videos`, VIDEO, { headers });
    const { id, polling_url } = await begun.json();
    const here = `${API}/videos/${id}`;
    assert.equal(polling_url, `${AUDIENCE}${here}`);
    const seen = await (await call(gateway, identity, "GET", here)).json();
    assert.deepEqual([seen.polling_url, seen.unsigned_urls], [
      polling_url,
      [`${polling_url}/content?index=0`],
    ]);
  });
}

for (const path of ["/content", "/content?index=0"]) {
  Deno.test(`a video of which nothing but /videos/{id}${path} is asked is charged as well`, async () => {
    const { gateway } = world;
    const identity = await newIdentity();
    const id = await createVideo(identity);
    const response = await call(gateway, identity, "GET", `${API}/videos/${id}${path}`);
    assert.equal(response.headers.get("content-type"), "video/mp4");
    await response.body?.cancel();
    await assertBooked(identity.did, {
      endpoint: "/videos",
      generation_id: id,
      total_cost: "1.6",
      cost_source: "response",
    });
  });
}

for (const faults of ["slow:300", "latency:300"]) {
  Deno.test(`a client that leaves before it knows its video (${faults}) pays for it all the same`, async () => {
    const { db, gateway, openrouter } = world;
    const identity = await newIdentity();
    const headers = { "x-openrouter-simulate": faults };
    const client = await connect(gateway, identity, `${API}/videos`, VIDEO, headers);
    await until(
      "OpenRouter to have it",
      async () => openrouter.requestsWith(await db.keyHash(identity.did)).length === 1,
    );
    client.close();

    const [row] = await db.endedRows(identity.did, 1);
    assert.deepEqual([row?.error_message, row?.total_cost], ["client_disconnected", null]);
    const look = `${API}/videos/${row?.generation_id}`;
    await (await call(gateway, identity, "GET", look)).text();
    await db.pricedRows(identity.did, 1);
    assert.equal((await db.booked(identity.did)).cost, "1.6");
  });
}

Deno.test("a video whose answer broke off is settled from the generation that its headers name", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", `${API}/videos`, VIDEO, {
    headers: { "x-openrouter-simulate": "drop:1" },
  });
  await assert.rejects(response.text());
  const [row] = await db.pricedRows(identity.did, 1);
  assert.deepEqual([row?.status, row?.total_cost, row?.cost_source], [
    "failed",
    "1.6",
    "generation",
  ]);
  assert.equal(openrouter.keyOf(await db.keyHash(identity.did)).usage, "1.6");
});

Deno.test("reading a generation again is never billed", async () => {
  // BerriAI/litellm #17814
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = JSON.stringify({ model: "openai/gpt-4o-mini", input: "one two three" });
  const response = await call(gateway, identity, "POST", `${API}/responses`, body);
  const { id, usage } = await response.json();
  const [row] = await db.endedRows(identity.did, 1);
  for (let time = 0; time < 3; time++) {
    const generation = await call(gateway, identity, "GET", `${API}/generation?id=${id}`);
    assert.equal(String((await generation.json()).data.total_cost), String(usage.cost));
    await (await call(gateway, identity, "GET", `${API}/key`)).body?.cancel();
  }
  assert.deepEqual(await db.rowsOf(identity.did), [row]);
  const { usage: charged, generations } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal(generations, 1);
  assert.deepEqual(await db.booked(identity.did), { requests: 1, failed: 0, cost: charged });
});

const UNKNOWN: [
  what: string,
  headers: Record<string, string>,
  answer: string,
  expected: Partial<RequestRow>,
][] = [
  [
    "with usage of its own",
    { "content-type": "application/json", "x-generation-id": "gen-unknown-1" },
    '{"model":"new/model","usage":{"input_tokens":7,"cost":0.25}}',
    {
      model: "new/model",
      input_tokens: 7,
      total_cost: "0.25",
      cost_source: "response",
      generation_id: "gen-unknown-1",
    },
  ],
  [
    "with a generation's id in a header",
    { "content-type": "image/svg+xml", "x-generation-id": "gen-unknown-2" },
    "<svg/>",
    { total_cost: "0.125", cost_source: "generation", generation_id: "gen-unknown-2" },
  ],
  [
    "with a generation's id in its body",
    { "content-type": "application/json" },
    '{"id":"gen-unknown-3","object":"new"}',
    { total_cost: "0.125", cost_source: "generation", generation_id: "gen-unknown-3" },
  ],
  [
    "that tells nothing of its cost",
    { "content-type": "text/plain" },
    "done",
    { total_cost: null, cost_source: null, generation_id: null },
  ],
];

for (const [what, headers, answer, expected] of UNKNOWN) {
  Deno.test(`a POST to a path that nobody knew, ${what}, is booked`, async () => {
    const { db, gateway } = world;
    front.handlers.set("POST /brand/new", (_request, response) => {
      response.writeHead(200, headers).end(answer);
    });
    front.handlers.set("GET /generation", (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" })
        .end('{"data":{"total_cost":0.125,"native_tokens_prompt":1}}');
    });
    const identity = await newIdentity();
    const body = Uint8Array.of(0, 255, 10);
    const response = await call(gateway, identity, "POST", `${API}/brand/new`, body, {
      headers: { "content-type": "application/octet-stream" },
    });
    assert.equal(await response.text(), answer);
    const [row] = await db.pricedRows(identity.did, 1);
    assert.ok(row);
    assert.equal(row.endpoint, "other");
    assert.equal(row.status, "completed");
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(row[name as keyof RequestRow], value, name);
    }
    assert.equal((await db.booked(identity.did)).cost, expected.total_cost ?? "0");
  });
}
