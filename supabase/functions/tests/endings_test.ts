/** Every way in which a call can end: what the client sees, and what its row says. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import type { RequestRow } from "./harness/database.ts";
import { startFront } from "./harness/front.ts";
import { connect } from "./harness/raw_client.ts";
import { assertRefused } from "./harness/refusal.ts";
import { until } from "./harness/until.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld();
/** Where OpenRouter gives answers that the simulator does not. */
const fronted = useWorld({ env: { OPENROUTER_API_URL: front.url } });
Deno.test.beforeAll(() => {
  front.target = fronted.openrouter.url;
});
Deno.test.afterAll(front.stop);

const WORDS = "one two three four five";
const FIVE_TOKENS = "0.0000039";

type Client = (body: string, faults: string, did: Did) => Promise<void>;
type Did = Awaited<ReturnType<typeof newIdentity>>;

/** Sends the call, asserts its status, and reads the answer to its end. */
function reads(status: number, seen: RegExp): Client {
  return async (body, faults, identity) => {
    const response = await send(body, faults, identity);
    assert.equal(response.status, status);
    assert.match(await response.text(), seen);
  };
}

/** Sends the call, and has its connection broken before the answer's end. */
const isBrokenOff: Client = async (body, faults, identity) => {
  // Deno 2.1.4 does not even send the headers of a body that breaks before its first byte.
  const response = await send(body, faults, identity).catch((error) => error as TypeError);
  if (response instanceof TypeError) {
    return assert.match(response.message, /fetch failed|error sending/);
  }
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
};

async function send(body: string, faults: string, identity: Did): Promise<Response> {
  return await call(world.gateway, identity, "POST", CHAT, body, {
    headers: { "x-openrouter-simulate": faults },
  });
}

/**
 * Sends the call and hangs up once this has arrived.
 *
 * @param isCancelled whether OpenRouter's work ends then, before it is done
 */
function leavesAt(text: string, isCancelled = true): Client {
  return async (body, faults, identity) => {
    const cancelled = () => world.openrouter.ledger().cancelled_generations;
    const before = cancelled();
    const client = await connect(world.gateway, identity, CHAT, body, {
      "x-openrouter-simulate": faults,
    });
    await client.until(text);
    client.close();
    await world.openrouter.quiet();
    assert.equal(cancelled() - before, isCancelled ? 1 : 0);
  };
}

/**
 * Sends the call and hangs up once OpenRouter has it, before there is an answer. Deno.serve (2.9.6)
 * notices that only of a request that came in one piece, which fetch sends when the body is small.
 */
const leavesBeforeHeaders: Client = async (body, faults, identity) => {
  const { db, gateway, openrouter } = world;
  const leaving = new AbortController();
  const answer = call(gateway, identity, "POST", CHAT, body, {
    headers: { "x-openrouter-simulate": faults },
    signal: leaving.signal,
  });
  await until(
    "the call to reach OpenRouter",
    async () => openrouter.requestsWith(await db.keyHash(identity.did)).length > 0,
  );
  leaving.abort();
  await assert.rejects(answer, { name: "AbortError" });
  await openrouter.quiet();
};

interface Ending {
  what: string;
  stream: boolean;
  faults: string;
  client: Client;
  row: Partial<RequestRow> & { status: "completed" | "failed" };
}

const COMPLETED = {
  status: "completed",
  http_status: 200,
  error_message: null,
  cost_source: "response",
  total_cost: FIVE_TOKENS,
  output_tokens: 5,
} as const;
/** Settled from GET /generation, at what OpenRouter says that it charged. */
const LEFT = {
  status: "failed",
  http_status: 200,
  error_message: "client_disconnected",
  cost_source: "generation",
} as const;
/** OpenRouter charges nothing for what it refuses. */
const FREE = { total_cost: "0", cost_source: "response" } as const;
/** Of what was sent, and never named. */
const UNKNOWN = { total_cost: null, cost_source: null } as const;
const BROKE = "upstream_unreachable: OpenRouter's connection broke before the answer was complete";
/** Of four tokens that were streamed until then. */
const BROKEN_STREAM = {
  status: "failed",
  http_status: 200,
  error_message: BROKE,
  cost_source: "generation",
  output_tokens: 4,
} as const;

const ENDINGS: Ending[] = [
  {
    what: "an error whose body breaks",
    stream: false,
    faults: "status:429:7,drop:1",
    client: async (body, faults, identity) => {
      const response = await send(body, faults, identity);
      assert.equal(response.status, 429);
      assert.equal(response.headers.get("retry-after"), "7");
      await assert.rejects(response.text());
    },
    row: {
      status: "failed",
      http_status: 429,
      error_message: "OpenRouter answered with status 429",
      ...FREE,
    },
  },
  {
    what: "a JSON answer that is complete",
    stream: false,
    faults: "",
    client: reads(200, /"usage"/),
    row: COMPLETED,
  },
  {
    what: "a stream that is complete",
    stream: true,
    faults: "",
    client: reads(200, /"usage".*data: \[DONE\]\n\n$/s),
    row: COMPLETED,
  },
  {
    what: "a stream without [DONE], but with usage",
    stream: true,
    faults: "no-done",
    client: reads(200, /"usage"(?!.*\[DONE\])/s),
    row: COMPLETED,
  },
  {
    what: "a stream with usage twice",
    stream: true,
    faults: "usage-twice",
    client: reads(200, /"usage".*"usage"/s),
    row: COMPLETED,
  },
  {
    what: "a stream with usage, then null",
    stream: true,
    faults: "null-usage",
    client: reads(200, /"usage":null/),
    row: COMPLETED,
  },
  {
    what: "a stream without usage",
    stream: true,
    faults: "no-usage",
    client: reads(200, /^(?!.*"usage")/s),
    row: { ...COMPLETED, cost_source: "generation" },
  },
  {
    what: "a JSON answer without usage",
    stream: false,
    faults: "no-usage",
    client: reads(200, /^(?!.*"usage")/s),
    row: { ...COMPLETED, cost_source: "generation" },
  },
  {
    what: "an error event inside a 200",
    stream: true,
    faults: "error:429:2",
    client: reads(200, /"error":\{"code":429/),
    row: {
      status: "failed",
      http_status: 200,
      error_message: "429: Rate limit exceeded",
      cost_source: "generation",
      output_tokens: 2,
    },
  },
  {
    what: "an error instead of an answer inside a 200",
    stream: false,
    faults: "error:502",
    client: reads(200, /^\{"error":\{"code":502/),
    row: {
      status: "failed",
      http_status: 200,
      error_message: "502: Provider returned error",
      ...FREE,
    },
  },
  {
    what: "an error in a choice",
    stream: false,
    faults: "choice-error",
    client: reads(200, /"error":\{"code":502/),
    row: {
      ...COMPLETED,
      status: "failed",
      error_message: "502: Provider disconnected",
    },
  },
  ...[400, 402, 403, 429, 500, 502, 503, 529].map((status): Ending => ({
    what: `status ${status}`,
    stream: status % 2 === 0,
    faults: `status:${status}`,
    client: reads(status, /"error"/),
    row: { status: "failed", http_status: status, ...FREE },
  })),
  {
    what: "an HTML error page",
    stream: true,
    faults: "html:502",
    client: reads(502, /^<!DOCTYPE html>/),
    row: {
      status: "failed",
      http_status: 502,
      error_message: "OpenRouter answered with status 502",
      ...FREE,
    },
  },
  {
    what: "a connection to OpenRouter that breaks before the headers",
    stream: true,
    faults: "drop",
    client: reads(502, /upstream_unreachable/),
    row: {
      status: "failed",
      http_status: null,
      error_message: "upstream_unreachable: OpenRouter could not be reached",
      ...UNKNOWN,
    },
  },
  {
    what: "a stream that breaks before its first byte",
    stream: true,
    faults: "drop:0",
    client: isBrokenOff,
    row: { status: "failed", http_status: 200, error_message: BROKE, cost_source: "generation" },
  },
  {
    // bifrost #5546: upstream died mid-stream, and that was logged as success.
    what: "a stream that breaks in its middle",
    stream: true,
    faults: "chunks:9,drop:4",
    client: isBrokenOff,
    row: BROKEN_STREAM,
  },
  {
    what: "a stream that breaks in its middle, behind usage that counts up",
    stream: true,
    faults: "chunks:9,running-usage,empty-choices,drop:4",
    client: isBrokenOff,
    row: BROKEN_STREAM,
  },
  {
    what: "a JSON answer that breaks in its middle",
    stream: false,
    faults: "drop:1",
    client: isBrokenOff,
    row: { ...COMPLETED, status: "failed", error_message: BROKE, cost_source: "generation" },
  },
  {
    what: "a client that leaves before the headers",
    stream: true,
    faults: "hang",
    client: leavesBeforeHeaders,
    row: {
      status: "failed",
      http_status: null,
      error_message: "client_disconnected",
      ...UNKNOWN,
    },
  },
  {
    // vercel/ai #8325: the gateway read on for minutes.
    what: "a client that leaves a silent stream before its first byte",
    stream: true,
    faults: "hang:0",
    client: leavesAt("\r\n\r\n"),
    row: { ...LEFT, output_tokens: 0, first_byte_ms: null },
  },
  {
    what: "a client that leaves a silent stream in its middle",
    stream: true,
    faults: "chunks:9,hang:4",
    client: leavesAt(" four"),
    row: { ...LEFT, output_tokens: 4 },
  },
  {
    what: "a client that leaves a stream in its middle, behind usage that counts up",
    stream: true,
    faults: "chunks:2000,slow:5,running-usage,empty-choices",
    client: leavesAt('"completion_tokens":5,'),
    row: LEFT,
  },
  {
    // BerriAI/litellm #14457, bifrost PR #3709: no row, or one token of 806.
    what: "a client that leaves a stream that goes on",
    stream: true,
    faults: "chunks:2000,slow:5",
    client: leavesAt(" five"),
    row: LEFT,
  },
  {
    what: "a client that leaves a JSON answer in its middle, which is heard to its end",
    stream: false,
    faults: "slow:300",
    client: leavesAt('"id":"gen-', false),
    row: { ...LEFT, cost_source: "response", total_cost: FIVE_TOKENS, output_tokens: 5 },
  },
];

for (const { what, stream, faults, client, row: expected } of ENDINGS) {
  Deno.test(`${what}: the row is ${expected.status}${expected.error_message ? `, ${expected.error_message.split(":")[0]}` : ""}`, async () => {
    const { db, openrouter } = world;
    const identity = await newIdentity();

    await client(chat(WORDS, { stream }), faults, identity);

    await openrouter.quiet();
    const [row] = await db.pricedRows(identity.did, 1);
    assert.ok(row);
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(row[name as keyof RequestRow], value, name);
    }
    const { usage } = openrouter.keyOf(await db.keyHash(identity.did));
    assert.equal(row.total_cost ?? "0", usage);
    assert.equal(row.streaming, stream);
    assert.deepEqual(await db.booked(identity.did), {
      requests: 1,
      failed: expected.status === "failed" ? 1 : 0,
      cost: usage,
    });
  });
}

Deno.test("a provider that cannot stop bills a whole answer, and so does the row of the client who left", async () => {
  const { db, gateway, openrouter } = world;
  const identity = await newIdentity();
  const body = chat(WORDS, { stream: true, model: "amazon/nova-lite-v1" });
  const client = await connect(gateway, identity, CHAT, body, {
    "x-openrouter-simulate": "chunks:50,hang:3",
  });
  await client.until(" three");
  client.close();
  const [row] = await db.pricedRows(identity.did, 1);
  assert.equal(row?.error_message, "client_disconnected");
  assert.equal(row?.output_tokens, 50);
  assert.equal(row?.total_cost, openrouter.keyOf(await db.keyHash(identity.did)).usage);
});

Deno.test("what OpenRouter charges for its own work is booked although the call failed", async () => {
  const { db, gateway, openrouter } = world;
  const document = [{
    type: "file",
    file: { filename: "a.pdf", file_data: "data:application/pdf," },
  }];
  for (
    const [what, body, charged] of [
      ["documents", { messages: [{ role: "user", content: document }] }, "0.25"],
      ["searches", { plugins: [{ id: "web" }] }, "0.007"],
      [
        "searches in a stream",
        { tools: [{ type: "openrouter:web_search" }], stream: true },
        "0.014",
      ],
    ] as const
  ) {
    const identity = await newIdentity();
    const response = await call(gateway, identity, "POST", CHAT, chat(WORDS, body), {
      headers: { "x-openrouter-simulate": `charged:${charged}` },
    });
    assert.equal(response.status, 502, what);
    await response.body?.cancel();
    const [row] = await db.pricedRows(identity.did, 1);
    assert.deepEqual([row?.status, row?.total_cost, row?.cost_source], [
      "failed",
      charged,
      "generation",
    ], what);
    assert.equal(openrouter.keyOf(await db.keyHash(identity.did)).usage, charged, what);
    assert.equal((await db.booked(identity.did)).cost, charged, what);
  }
});

const USAGE_EVENT =
  'data: {"id":"gen-1","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"cost":0.5}}\n\n';

/** OpenRouter answers the calls of a test with this. */
function frontAnswers(status: number, answer: (response: ServerResponse) => void): Disposable {
  const route = "POST /chat/completions";
  front.handlers.set(route, (_request, response) => {
    response.writeHead(status, { "content-type": "text/event-stream" });
    answer(response);
  });
  return { [Symbol.dispose]: () => front.handlers.delete(route) };
}

Deno.test("a client that leaves after the usage chunk has had a complete answer", async () => {
  const { db, gateway } = fronted;
  using _ = frontAnswers(200, (response) => response.write(USAGE_EVENT));
  const identity = await newIdentity();
  const client = await connect(gateway, identity, CHAT, chat(WORDS, { stream: true }));
  await client.until('"cost":0.5}}\n\n');
  client.close();
  const [row] = await db.endedRows(identity.did, 1);
  assert.deepEqual(
    [row?.status, row?.error_message, row?.cost_source, row?.total_cost],
    ["completed", null, "response", "0.5"],
  );
  await until("the call at OpenRouter to end", () => front.inFlight() === 0);
});

Deno.test("a stream that breaks after its usage is failed, at the cost that it told", async () => {
  const { db, gateway } = fronted;
  using _ = frontAnswers(200, (response) => response.write(USAGE_EVENT, () => response.destroy()));
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat(WORDS, { stream: true }));
  await assert.rejects(response.text());
  const [row] = await db.endedRows(identity.did, 1);
  assert.deepEqual(
    [row?.status, row?.error_message, row?.cost_source, row?.total_cost],
    ["failed", BROKE, "response", "0.5"],
  );
});

Deno.test("an answer with a status that HTTP does not have is 502", async () => {
  const { db, gateway } = fronted;
  using _ = frontAnswers(999, (response) => response.end("odd"));
  const identity = await newIdentity();
  const response = await call(gateway, identity, "POST", CHAT, chat(WORDS));
  await assertRefused(response, 502, "upstream_unreachable");
  const [row] = await db.endedRows(identity.did, 1);
  assert.equal(row?.status, "failed");
});

Deno.test("a call whose pooled connection breaks before the headers is sent once, although it is billed", async () => {
  const { db, openrouter } = world;
  const identity = await newIdentity();
  const route = "POST /chat/completions";
  const arrived = () => openrouter.ledger().requests.by_route[route] ?? 0;
  // Leaves a connection in the pool, which fetch would replace and try again by itself.
  await (await send(chat(WORDS), "", identity)).text();
  const before = arrived();

  const response = await send(chat(WORDS), "after,drop", identity);

  assert.equal(response.status, 502);
  await response.body?.cancel();
  assert.equal(arrived(), before + 1);
  await db.endedRows(identity.did, 2);
  const { generations } = openrouter.keyOf(await db.keyHash(identity.did));
  assert.equal(generations, 2);
});

Deno.test("a client that leaves while it sends its body is no error of the gateway", async () => {
  // llmgateway PR #2231
  const { gateway } = world;
  const { hostname, port, pathname } = new URL(gateway.url);
  const path = `${CHAT}?leaving`;
  const signature = await signed(await newIdentity(), "POST", path, chat("half"));
  const head = [
    `POST ${pathname}${path} HTTP/1.1`,
    `host: ${hostname}`,
    "content-length: 100000",
    ...Object.entries(signature).map((pair) => pair.join(": ")),
  ];
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n{"half":`));
  const seen = gateway.log.length;
  connection.close();
  const line = await until(
    "the request's line",
    () => gateway.log.slice(seen).find(({ status }) => status === 499),
  );
  assert.equal(line.level, "info");
});

Deno.test("no ending was an error that nobody caught", () => {
  const output = world.gateway.output();
  assert.doesNotMatch(output, /uncaught|unhandled|internal_error/i);
});

Deno.test("no ending left anything in the log but lines of JSON", () => {
  // What the process says when it starts, and Deno's word on request.signal.
  const others = /^(?:GATEWAY_URL=|export GATEWAY_URL$|ready: |Deno\.serve: request\.signal |$)/;
  const lines = world.gateway.output().split("\n").filter((line) => !others.test(line));
  assert.ok(lines.length > 0);
  for (const line of lines) assert.equal(typeof JSON.parse(line).event, "string", line);
});
