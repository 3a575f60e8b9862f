import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import { didCommands, send, startProxyProcess, startStubGateway } from "./testing.ts";

const folder = await Deno.makeTempDir();
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

const CHAT = "/v1/chat/completions";
const JSON_POST = { method: "POST", headers: { "content-type": "application/json" } };

/** A stub gateway whose requests a test takes one by one, and a proxy in front of it. */
async function world(command: [string, ...string[]], options: string[] = [], env = {}) {
  const arrived: [IncomingMessage, ServerResponse][] = [];
  let take: (() => void) | null = null;
  const gateway = await startStubGateway((...pair) => {
    arrived.push(pair);
    take?.();
  });
  const proxy = await startProxyProcess(command, { gatewayUrl: gateway.url, folder, options, env });
  return {
    gateway,
    proxy,
    /** The next request, with its response to write. */
    async next(): Promise<[IncomingMessage, ServerResponse]> {
      if (arrived.length === 0) await new Promise<void>((resolve) => take = resolve);
      return arrived.shift()!;
    },
    arrived,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

const commands = await didCommands(folder);
for (const { runtime, command } of commands) {
  for (const options of [[], ["--sign"]]) {
    const how = options[0] ?? "by token";
    Deno.test(`under ${runtime}, did proxy spends as its DID whatever key it is given, ${how}`, async () => {
      await using gateway = startVerifyingGateway();
      const started = { gatewayUrl: gateway.url, folder, options };
      await using proxy = await startProxyProcess(command, started);
      const body = JSON.stringify({ messages: [{ role: "user", content: "héllo 世界" }] });
      for (const path of [CHAT, "/api/v1/messages?beta=true", "/responses"]) {
        const answer = await send(proxy, path, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: "Bearer sk-unused",
            "x-api-key": "sk-ant-unused",
            "x-did": "did:key:z6MkOther",
          },
          body,
        });
        assert.equal(answer.status, 200, answer.body.toString());
        assert.match(answer.body.toString(), /lo 世界.*\[DONE\]/s);
      }
      assert.deepEqual(
        gateway.received.map(({ did, method, path }) => [did, method, path]),
        [
          [proxy.did, "POST", "/api/v1/openrouter/chat/completions"],
          [proxy.did, "POST", "/api/v1/openrouter/messages?beta=true"],
          [proxy.did, "POST", "/api/v1/openrouter/responses"],
        ],
      );
      assert.ok(gateway.received.every((request) => request.body.toString() === body));
      const usage = await send(proxy, "/api/v1/usage?group_by=day");
      assert.equal(usage.status, 200);
      assert.equal(gateway.received.at(-1)?.path, "/api/v1/usage?group_by=day");
      const headers = { "content-length": 2 };
      const withBody = await send(proxy, "/api/v1/limits", { headers, body: "{}" });
      assert.equal(withBody.status, 200, withBody.body.toString());
    });
  }

  Deno.test(`under ${runtime}, did proxy tells the tools what to export, and no secret`, async () => {
    const key = "local-key-123";
    await using given = await world(command, ["--key", key]);
    await using inherited = await world(command, [], { DID_PROXY_KEY: key });
    for (
      const [{ proxy, next }, word] of [[given, "'<your key>'"], [
        inherited,
        '"$DID_PROXY_KEY"',
      ]] as const
    ) {
      const printed = proxy.stdout().split("\n");
      // zsh takes a pasted comment for a command: an apostrophe alone would swallow the lines after it.
      for (const line of printed.filter((line) => line.startsWith("#"))) {
        assert.doesNotMatch(line.replaceAll(/'[^']*'/g, ""), /'/);
      }
      assert.deepEqual(printed.filter((line) => line.startsWith("export ")), [
        `export OPENAI_BASE_URL=${proxy.url}/v1`,
        `export OPENAI_API_KEY=${word}`,
        `export CODEX_API_KEY=${word}`,
        `export ANTHROPIC_BASE_URL=${proxy.url}`,
        `export ANTHROPIC_AUTH_TOKEN=${word}`,
        "export ANTHROPIC_MODEL=anthropic/claude-sonnet-5",
        "export ANTHROPIC_DEFAULT_HAIKU_MODEL=anthropic/claude-sonnet-5",
      ]);
      const answered = send(proxy, "/v1/models", { headers: { authorization: `Bearer ${key}` } });
      const [received, response] = await next();
      response.end();
      assert.equal((await answered).status, 200);
      const token = received.headers.authorization!.slice("Bearer ".length);
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.equal(await proxy.interrupt(), 0);
      const output = proxy.stdout() + proxy.stderr();
      for (const secret of [key, token]) assert.ok(!output.includes(secret));
    }
  });

  Deno.test(`under ${runtime}, requests and answers pass as they come, piece by piece`, async () => {
    await using w = await world(command);
    const sent = request({ port: w.proxy.port, host: "127.0.0.1", path: CHAT, method: "POST" });
    sent.write("one ");
    const [incoming, response] = await w.next();
    assert.equal(String((await once(incoming, "data"))[0]), "one ");
    const more = once(incoming, "data");
    sent.end("two");
    assert.equal(String((await more)[0]), "two");

    response.writeHead(200, {
      "content-type": "text/event-stream",
      "access-control-allow-origin": "*",
    });
    response.flushHeaders();
    const [answer] = await once(sent, "response") as [IncomingMessage];
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      const arriving = once(answer, "data");
      response.write(event);
      assert.equal(String((await arriving)[0]), event);
    }
    const ended = once(answer.resume(), "end");
    response.end();
    await ended;
  });

  Deno.test(`under ${runtime}, a client that leaves is left at the gateway, in the request, before the answer and within it`, async () => {
    await using w = await world(command);
    for (const when of ["in the request", "before the answer", "within the answer"]) {
      const sent = request({ port: w.proxy.port, host: "127.0.0.1", path: CHAT, ...JSON_POST });
      sent.on("error", () => {});
      sent.write("{}");
      if (when !== "in the request") sent.end();
      const [incoming, response] = await w.next();
      const left = once(response, "close");
      incoming.on("error", () => {});
      await once(incoming, "data");
      if (when === "within the answer") {
        response.write("data: 1\n\n");
        const [answer] = await once(sent, "response") as [IncomingMessage];
        answer.on("error", () => {});
        await once(answer, "data");
      }
      sent.destroy();
      await left;
      assert.equal(response.writableFinished, false);
    }
  });

  Deno.test(`under ${runtime}, an answer that breaks off breaks off for the client`, async () => {
    await using w = await world(command);
    const answered = send(w.proxy, CHAT, { ...JSON_POST, body: "{}" });
    const [, response] = await w.next();
    response.write("data: 1\n\n");
    setTimeout(() => response.destroy(), 0);
    await assert.rejects(answered, { code: "ECONNRESET" });
  });

  Deno.test(`under ${runtime}, a slow client holds the gateway back, and gets every byte`, async () => {
    await using w = await world(command);
    const sent = request({ port: w.proxy.port, host: "127.0.0.1", path: CHAT, ...JSON_POST });
    sent.end("{}");
    const [, response] = await w.next();
    const chunk = Buffer.alloc(1 << 20, "x");
    const total = 192;
    let written = 0;
    const writing = (async () => {
      for (; written < total; written++) {
        if (!response.write(chunk)) await once(response, "drain");
      }
      response.end();
    })();
    const [answer] = await once(sent, "response") as [IncomingMessage];
    // Nothing is read: the writer stops when what lies between is full.
    for (let before = -1; before < written && written < total;) {
      before = written;
      await sleep(300);
    }
    assert.ok(written < total / 2, `${written} of ${total} MiB were taken`);
    let read = 0;
    for await (const piece of answer) read += piece.length;
    await writing;
    assert.equal(read, total * chunk.length);
  });

  Deno.test(`under ${runtime}, web pages and other names than loopback's are refused`, async () => {
    await using w = await world(command);
    const { port } = w.proxy;
    const foreign: [string, Record<string, string>, method?: string][] = [
      ["a foreign Origin", { origin: "https://evil.example" }],
      ["the Origin of a sandboxed frame", { origin: "null" }],
      ["the Origin of another port", { origin: `http://127.0.0.1:${port + 1}` }],
      ["the Origin of another scheme", { origin: `https://127.0.0.1:${port}` }],
      ["an Origin that begins alike", { origin: `http://127.0.0.1:${port}.evil.example` }],
      ["a name that resolves to loopback", { host: `evil.example:${port}` }],
      ["loopback's name without the port", { host: "localhost" }],
      ["another port in Host", { host: `localhost:${port + 1}` }],
      ["a subdomain of localhost", { host: `evil.localhost:${port}` }],
      ["all addresses", { host: `0.0.0.0:${port}` }],
      [
        "another site's image",
        { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
        "GET",
      ],
      ["another port's page", { "sec-fetch-site": "same-site" }, "GET"],
      ["a preflight", { "access-control-request-method": "POST" }, "OPTIONS"],
      [
        "a preflight of its own origin",
        { origin: `http://127.0.0.1:${port}`, "access-control-request-method": "POST" },
        "OPTIONS",
      ],
    ];
    for (const [what, headers, method = "POST"] of foreign) {
      const answer = await send(w.proxy, CHAT, { method, headers });
      assert.equal(answer.status, 403, what);
      const { type, error } = JSON.parse(answer.body.toString());
      assert.deepEqual([type, error.code, error.type], ["error", 403, "access_denied"], what);
      assert.equal(answer.headers["x-request-id"], error.request_id);
      assert.equal(answer.headers["request-id"], error.request_id);
      assert.equal(answer.headers["x-should-retry"], "false");
      assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith("access-control-")));
    }
    const traced = await send(w.proxy, CHAT, { method: "TRACE" });
    assert.equal(traced.status, 405);
    const upgrade = { connection: "upgrade", upgrade: "websocket" };
    assert.equal((await send(w.proxy, CHAT, { headers: upgrade })).status, 426);
    assert.equal(w.gateway.connections, 0);

    for (
      const headers of [
        { host: `localhost:${port}` },
        { host: `LOCALHOST:${port}`, origin: `http://localhost:${port}` },
        { "sec-fetch-site": "none" },
        { "sec-fetch-mode": "cors" },
        { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "AAMAAABk" },
      ]
    ) {
      const answered = send(w.proxy, CHAT, { headers: headers as Record<string, string> });
      const [incoming, response] = await w.next();
      response.end();
      assert.equal((await answered).status, 200, JSON.stringify(headers));
      assert.equal(incoming.headers.upgrade, undefined);
      assert.equal(incoming.headers["http2-settings"], undefined);
    }
  });

  Deno.test(`under ${runtime}, with --key only those who send it are served`, async () => {
    const key = "local-key-123";
    await using w = await world(command, ["--key", key]);
    for (
      const headers of [
        {},
        { authorization: "Bearer local-key-12" },
        { authorization: `Bearer ${key}4` },
        { authorization: `Basic ${btoa(`:${key}`)}` },
        { "x-api-key": key.toUpperCase() },
        { "api-key": "" },
        { cookie: `key=${key}` },
      ]
    ) {
      const answer = await send(w.proxy, CHAT, { headers: headers as Record<string, string> });
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.equal(JSON.parse(answer.body.toString()).error.type, "missing_credentials");
    }
    assert.equal(w.gateway.connections, 0);
    for (
      const headers of [
        { authorization: `Bearer ${key}` },
        { authorization: `bearer ${key}` },
        { "x-api-key": key },
        { "api-key": key },
        { authorization: "Bearer other", "x-api-key": key },
      ]
    ) {
      const answered = send(w.proxy, CHAT, { headers: headers as Record<string, string> });
      const [incoming, response] = await w.next();
      response.end();
      assert.equal((await answered).status, 200);
      assert.ok(!JSON.stringify(incoming.rawHeaders).includes(key));
    }
  });

  Deno.test(`under ${runtime}, a refusal is heard by clients that are still writing`, async () => {
    await using w = await world(command, ["--key", "local-key-123"]);
    const body = "x".repeat(8_000_000);
    for (let round = 0; round < 8; round++) {
      const { status } = await send(w.proxy, CHAT, { ...JSON_POST, body });
      assert.equal(status, 401);
    }
    assert.equal(w.gateway.connections, 0);
  });

  Deno.test(`under ${runtime}, headers and bodies pass as they are, but for those of one connection`, async () => {
    await using w = await world(command);
    const gzipped = gzipSync('{"ok":true}');
    const answered = send(w.proxy, "/api/v1/openrouter/x%2Fy/.z../z?a=%20&b", {
      method: "DELETE",
      headers: {
        "accept-encoding": "gzip, br",
        "transfer-encoding": "chunked",
        "x-title": "Ünïcode".normalize("NFC"),
        connection: "close, x-private",
        "x-private": "1",
        "proxy-authorization": "Basic abc",
        te: "trailers",
        cookie: "a=b",
      },
      body: "{}",
    });
    const [incoming, response] = await w.next();
    assert.equal(incoming.method, "DELETE");
    assert.equal(
      incoming.url,
      `${new URL(w.gateway.url).pathname}/api/v1/openrouter/x%2Fy/.z../z?a=%20&b`,
    );
    assert.equal(incoming.headers["accept-encoding"], "gzip, br");
    assert.equal(incoming.headers.host, new URL(w.gateway.url).host);
    for (const name of ["x-private", "proxy-authorization", "te", "cookie"]) {
      assert.equal(incoming.headers[name], undefined, name);
    }
    let body = "";
    for await (const piece of incoming) body += piece;
    assert.equal(body, "{}");
    response.writeHead(429, {
      "content-encoding": "gzip",
      "retry-after": "7",
      "x-dropped": "1",
      connection: "x-dropped",
      "ratelimit-limit": ["1", "2"],
    });
    response.end(gzipped);
    const answer = await answered;
    assert.equal(answer.status, 429);
    assert.deepEqual(JSON.parse(gunzipSync(answer.body).toString()), { ok: true });
    assert.equal(answer.headers["retry-after"], "7");
    assert.equal(answer.headers["ratelimit-limit"], "1, 2");
    assert.equal(answer.headers["x-dropped"], undefined);
  });

  Deno.test(`under ${runtime}, connections to the gateway are kept`, async () => {
    await using w = await world(command);
    for (let count = 0; count < 3; count++) {
      const answered = send(w.proxy, CHAT, { ...JSON_POST, body: "{}" });
      const [incoming, response] = await w.next();
      incoming.resume().once("end", () => response.end("{}"));
      assert.equal((await answered).status, 200);
    }
    assert.equal(w.gateway.connections, 1);
  });

  Deno.test(`under ${runtime}, a gateway that refuses a body early is heard`, async () => {
    await using w = await world(command);
    const sent = request({ port: w.proxy.port, host: "127.0.0.1", path: CHAT, ...JSON_POST });
    sent.on("error", () => {});
    sent.write("x".repeat(100_000));
    const [, response] = await w.next();
    response.writeHead(413, { "content-type": "application/json", connection: "close" });
    response.end('{"error":{"type":"request_too_large"}}');
    const [answer] = await once(sent, "response") as [IncomingMessage];
    assert.equal(answer.statusCode, 413);
    let body = "";
    for await (const piece of answer) body += piece;
    assert.match(body, /request_too_large/);
    sent.destroy();
  });

  Deno.test(`under ${runtime}, a client that writes all before it reads hears an early refusal`, async () => {
    await using w = await world(command);
    const body = "x".repeat(32 << 20);
    const socket = connect(w.proxy.port, "127.0.0.1");
    socket.write(
      `POST ${CHAT} HTTP/1.1\r\nhost: 127.0.0.1:${w.proxy.port}\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    const written = new Promise<void>((resolve, reject) => {
      socket.write(body, (error) => error ? reject(error) : resolve());
    });
    const [, response] = await w.next();
    response.writeHead(413, { "content-type": "application/json" });
    response.end('{"error":{"type":"request_too_large"}}');
    await written;
    assert.match(await text(socket), /^HTTP\/1\.1 413 [^]*request_too_large/);
  });

  Deno.test(`under ${runtime}, a gateway that cannot be reached is a 502 of the gateway's shape`, async () => {
    const gateway = await startStubGateway(() => {});
    await gateway[Symbol.asyncDispose]();
    const started = { gatewayUrl: gateway.url, folder };
    await using proxy = await startProxyProcess(command, started);
    const answer = await send(proxy, CHAT, { ...JSON_POST, body: "{}" });
    assert.equal(answer.status, 502);
    const { success, type, error } = JSON.parse(answer.body.toString());
    assert.deepEqual([success, type, error.type], [false, "error", "upstream_unreachable"]);
    assert.match(error.message, /cannot be reached: ECONNREFUSED/);
    assert.equal(answer.headers["x-should-retry"], undefined);
  });

  Deno.test(`under ${runtime}, an answer that cannot be passed on is a 502, and did proxy goes on`, async () => {
    const answers = [
      "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 200 a\u0001b\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
      "nonsense\r\n\r\n",
      "",
    ];
    const left = answers.values();
    await using gateway = await startStubGateway(({ socket }) => {
      socket.end(left.next().value ?? "HTTP/1.1 204 No Content\r\n\r\n");
    });
    const started = { gatewayUrl: gateway.url, folder };
    await using proxy = await startProxyProcess(command, started);
    for (const answer of answers) {
      assert.equal((await send(proxy, CHAT)).status, 502, answer);
    }
    assert.equal((await send(proxy, CHAT)).status, 204);
  });

  Deno.test(`under ${runtime}, SIGINT ends did proxy at once, streams included`, async () => {
    await using w = await world(command);
    const answered = send(w.proxy, CHAT, { ...JSON_POST, body: "{}" });
    const [, response] = await w.next();
    const left = once(response, "close");
    response.write("data: 1\n\n");
    const broken = assert.rejects(answered);
    assert.equal(await w.proxy.interrupt(), 0);
    await broken;
    await left;
  });
}

Deno.test("did proxy says so when its port is taken", async () => {
  const [{ command }] = commands;
  await using w = await world(command);
  const again = startProxyProcess(command, {
    gatewayUrl: w.gateway.url,
    folder,
    options: ["--port", String(w.proxy.port)],
  });
  await assert.rejects(again, /ended with code 1:\nerror: port \d+ is taken; --port 0 takes any/);
});
