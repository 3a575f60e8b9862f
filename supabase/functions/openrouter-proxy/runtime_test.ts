import { hex } from "@scure/base";
import assert from "node:assert/strict";
import { createKeyVault } from "./accounts/key_vault.ts";
import { AUDIENCE, newSigner, signedRequest } from "./testing/signers.ts";
import { utf8 } from "./bytes/encodings.ts";
import { ClientDisconnected, GatewayError } from "./errors.ts";
import { ENVIRONMENT } from "./testing/gateways.ts";
import { deployedGateway, gatewayFromEnv } from "./runtime.ts";

Deno.test("a gateway without a usable environment says so once, and tells clients nothing more", async () => {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    const env: Record<string, string> = {
      API_KEY_ENCRYPTION_KEY: "too-short-a-secret",
      SUPABASE_URL: "nonsense",
    };
    const gateway = deployedGateway({ get: (name) => env[name] });
    for (let request = 0; request < 2; request++) {
      const response = await gateway.fetch(new Request("http://h/openrouter-proxy/api/v1/health"));
      assert.equal(response.status, 500);
      const { success, error } = await response.json();
      assert.equal(success, false);
      assert.equal(error.type, "misconfigured");
      assert.equal(error.message, "the gateway is not configured");
      assert.equal(error.request_id, response.headers.get("x-request-id"));
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
    }
  } finally {
    console.log = log;
  }
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0]!);
  assert.equal(line.event, "misconfigured");
  assert.equal(line.problems.length, 4);
  for (const name of ["SUPABASE_URL", "OPENROUTER_PROVISIONING_KEY", "API_KEY_ENCRYPTION_KEY"]) {
    assert.match(lines[0]!, new RegExp(name));
  }
  assert.doesNotMatch(lines[0]!, /too-short|nonsense/);
});

Deno.test("what nobody catches is one line of the log each, without secrets, and ends nothing", () => {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    const gateway = deployedGateway({ get: () => undefined });
    const worker = new EventTarget();
    gateway.catchUncaught(worker);
    const error = new Error("over\ntwo lines with sk-or-v1-secret");
    const events = [
      new ErrorEvent("error", { error, cancelable: true }),
      Object.assign(new Event("unhandledrejection", { cancelable: true }), { reason: "no error" }),
    ];
    for (const event of events) {
      worker.dispatchEvent(event);
      assert.equal(event.defaultPrevented, true);
    }
    assert.equal(gateway.onError(new TypeError("a bug")).status, 500);
    // Its call's own line tells of it.
    const told = new GatewayError("upstream_unreachable", "it broke");
    for (const error of [told, new ClientDisconnected()]) {
      assert.equal(gateway.onError(error).status, 500);
    }
  } finally {
    console.log = log;
  }
  const [, ...caught] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(caught.map(({ level, event, error }) => [level, event, error]), [
    ["error", "uncaught_error", "Error"],
    ["error", "unhandled_rejection", "Error"],
    ["error", "answer_failed", "TypeError"],
  ]);
  assert.match(caught[0].cause, /over\ntwo lines with \[key\]/);
  assert.match(caught[1].cause, /no error/);
});

Deno.test("an environment that cannot be read is no bad configuration", () => {
  const error = new TypeError("no permission");
  const unreadable = {
    get() {
      throw error;
    },
  };
  assert.throws(() => deployedGateway(unreadable), error);
});

/** Runs this on Supabase's Edge Runtime. @returns what it was asked to keep the worker alive for */
async function onEdgeRuntime(run: () => void | Promise<void>): Promise<Promise<unknown>[]> {
  const keptFor: Promise<unknown>[] = [];
  const runtime = { waitUntil: (promise: Promise<unknown>) => void keptFor.push(promise) };
  Object.assign(globalThis, { EdgeRuntime: runtime });
  try {
    await run();
  } finally {
    delete (globalThis as { EdgeRuntime?: unknown }).EdgeRuntime;
  }
  return keptFor;
}

for (const end of ["retires", "has nothing left to do"] as const) {
  Deno.test({
    name: `what the log holds keeps the worker alive, and is printed where it ${end}`,
    // The log's own wait for room.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const lines: string[] = [];
      const { log } = console;
      console.log = (line: string) => lines.push(line);
      try {
        const keptFor = await onEdgeRuntime(async () => {
          const gateway = gatewayFromEnv({ get: (name) => ENVIRONMENT[name] });
          const worker = new EventTarget();
          gateway.catchUncaught(worker);
          for (let n = 0; n < 200; n++) {
            worker.dispatchEvent(new ErrorEvent("error", { error: new Error("x") }));
          }
          assert.ok(lines.length < 100);
          if (end === "retires") gateway.retire("wall_clock");
          else await gateway.idle();
        });
        assert.equal(keptFor.length, 1);
      } finally {
        console.log = log;
      }
      const told = lines.map((line) => JSON.parse(line).stands_for ?? 1);
      assert.equal(told.reduce((sum, count) => sum + count, 0), 200);
    },
  });
}

interface Call {
  name: string;
  args: Record<string, unknown>;
}

/** Supabase's RPCs, which admit everybody with this key; `settlements` holds what was settled. */
function startSupabase(encryptedApiKey: string) {
  const settlements: Record<string, unknown>[] = [];
  const { promise: settled, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = setTimeout(
    () => reject(new Error("gave up waiting for settle_request")),
    GIVE_UP_AFTER_MS,
  );
  function answer({ name, args }: Call): unknown {
    if (name === "admit_request") {
      return {
        decision: "admitted",
        encrypted_api_key: encryptedApiKey,
        openrouter_key_hash: "hash",
        request_time: "2026-11-22T00:00:00Z",
        new_limit: null,
      };
    }
    if (name === "expire_stale_requests") return 0;
    assert.equal(name, "settle_request");
    clearTimeout(giveUp);
    settlements.push(args.p_settlement as Record<string, unknown>);
    resolve();
    return { settled: true, total_cost: null, left_out: null };
  }
  const server = serve(async (request) => {
    assertSentOnce(request);
    const name = new URL(request.url).pathname.replace("/rest/v1/rpc/", "");
    return Response.json(answer({ name, args: await request.json() }));
  });
  return { ...server, settlements, settled };
}

/** An OpenRouter whose one answer is a stream that ends when the test says so. */
function startOpenRouter() {
  let stream!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      stream = controller;
    },
  });
  const headers = { "content-type": "text/event-stream", "x-generation-id": "gen-1" };
  const server = serve((request) => {
    if (request.url.includes("/models?")) return Response.json({ data: [] });
    assertSentOnce(request);
    return new Response(body, { headers });
  });
  return {
    ...server,
    send: (text: string) => stream.enqueue(utf8(text)),
    end: () => stream.close(),
  };
}

/** Of a body whose length is known, Deno's fetch sends a second one where a connection breaks. */
function assertSentOnce({ headers }: Request) {
  assert.equal(headers.get("content-length"), null);
}

function serve(handler: (request: Request) => Response | Promise<Response>) {
  const stopping = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stopping.signal, onListen() {} },
    handler,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async stop() {
      stopping.abort();
      await server.finished;
    },
  };
}

/** The end of hope for a test that fails. */
const GIVE_UP_AFTER_MS = 60_000;

Deno.test({
  name: "a worker that the runtime is about to end settles its open streams, and says why",
  // The timers of AbortSignal.timeout outlive what they guard in Deno 2.1.4, and fetch its connections.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const signer = await newSigner("did:key Ed25519");
    const encryptionKey = crypto.getRandomValues(new Uint8Array(32));
    const vault = createKeyVault(encryptionKey, null);
    const supabase = startSupabase(await vault.seal(signer.did, "sk-or-v1-user"));
    const openrouter = startOpenRouter();
    const env: Record<string, string> = {
      SUPABASE_URL: supabase.url,
      SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
      OPENROUTER_API_URL: openrouter.url,
      OPENROUTER_PROVISIONING_KEY: "management",
      API_KEY_ENCRYPTION_KEY: hex.encode(encryptionKey),
      GATEWAY_AUDIENCE: AUDIENCE,
    };
    const { log } = console;
    console.log = () => {};
    try {
      const gateway = gatewayFromEnv({ get: (name) => env[name] });
      const { method, pathAndQuery, headers, body } = await signedRequest(signer, {
        path: "/api/v1/openrouter/chat/completions",
        timestamp: String(Math.floor(Date.now() / 1000)),
      });
      openrouter.send('data: {"id":"gen-1","model":"m"}\n\n');
      const request = new Request(`http://edge/openrouter-proxy${pathAndQuery}`, {
        method,
        headers,
        body,
      });
      let response!: Response;
      const keptFor = await onEdgeRuntime(async () => {
        response = await gateway.fetch(request);
      });
      assert.equal(response.status, 200);
      assert.ok(keptFor.length > 0, "the worker lives until the call is settled");
      const reader = response.body!.getReader();
      await reader.read();

      dispatchEvent(new CustomEvent("beforeunload", { detail: { reason: "wall_clock" } }));

      await supabase.settled;
      const [settlement] = supabase.settlements;
      assert.equal(settlement?.request_id, response.headers.get("x-request-id"));
      assert.equal(settlement?.status, "failed");
      assert.match(String(settlement?.error_message), /^worker_retired: wall_clock/);
      assert.equal(settlement?.generation_id, "gen-1");
      assert.equal(settlement?.given_up, true);

      // The worker lived until the stream's end after all.
      openrouter.send('data: {"id":"gen-1","usage":{"completion_tokens":2,"cost":0.5}}\n\n');
      openrouter.end();
      while (!(await reader.read()).done);
      await gateway.idle();
      const [, last, ...more] = supabase.settlements;
      assert.deepEqual([last?.status, last?.cost, more.length], ["completed", "0.5", 0]);
    } finally {
      console.log = log;
      await Promise.all([supabase.stop(), openrouter.stop()]);
    }
  },
});
