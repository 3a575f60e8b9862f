/** Answers and requests that pass through: nothing is added, lost or decoded on the way. */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { call, CHAT, chat, newIdentity, signed } from "./harness/client.ts";
import { startFront } from "./harness/front.ts";
import { connect } from "./harness/raw_client.ts";
import { rawRequest } from "./harness/raw_http.ts";
import { useWorld } from "./harness/world.ts";

const front = await startFront();
const world = useWorld({ env: { OPENROUTER_API_URL: front.url, OPENROUTER_EXTRA_PATHS: "*" } });
Deno.test.beforeAll(() => {
  front.target = world.openrouter.url;
});
Deno.test.afterAll(front.stop);

const API = "/api/v1/openrouter";
const BINARY = Uint8Array.from({ length: 100_000 }, (_, index) => (index * index) % 251);

type Asked = Pick<IncomingMessage, "method" | "url" | "headers"> & { body: Uint8Array };

/** OpenRouter answers this route with this until the test is over; gives what it was asked. */
function answering(
  route: string,
  answer: (response: ServerResponse) => void,
): Disposable & { asked: Asked[] } {
  const asked: Asked[] = [];
  front.handlers.set(route, ({ method, url, headers }, response, body) => {
    asked.push({ method, url, headers, body });
    answer(response);
  });
  return { asked, [Symbol.dispose]: () => front.handlers.delete(route) };
}

async function get(path: string, method = "GET"): Promise<Response> {
  return await call(world.gateway, await newIdentity(), method, API + path);
}

interface Sample {
  what: string;
  status: number;
  headers: Record<string, string>;
  body: Uint8Array<ArrayBuffer> | string;
}

const SAMPLES: Sample[] = [
  {
    what: "JSON with white space, big integers and repeated keys",
    status: 200,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: ' {\n"a" : 12345678901234567890.10, "a":1e400, "é":"\\u00e9\\/" }\r\n\t',
  },
  {
    what: "an error with members that nobody knows",
    status: 418,
    headers: { "content-type": "application/json", "retry-after": "17", "x-new": "1" },
    body: '{"error":{"code":418,"message":"teapot","metadata":{"raw":"{\\"a\\": 1}"},"new":[1]}}',
  },
  {
    what: "an HTML error page",
    status: 520,
    headers: { "content-type": "text/html; charset=iso-8859-1" },
    body: Uint8Array.from("<h1>caf\xe9</h1>", (character) => character.charCodeAt(0)),
  },
  {
    what: "bytes that are no text",
    status: 200,
    headers: { "content-type": "audio/mpeg", "content-disposition": 'attachment; filename="a"' },
    body: BINARY,
  },
  {
    what: "bytes that are no text as an error",
    status: 500,
    headers: { "content-type": "application/octet-stream" },
    body: BINARY,
  },
  {
    what: "an answer without a type",
    status: 200,
    headers: {},
    body: "plain",
  },
  {
    what: "status 201 with validators and a cache",
    status: 201,
    headers: {
      "etag": 'W/"1"',
      "cache-control": "no-store",
      "vary": "accept, accept-encoding",
      "age": "3",
    },
    body: "made",
  },
  {
    what: "an event stream of another kind",
    status: 200,
    headers: { "content-type": "text/event-stream; charset=utf-8" },
    body: "\ufeffid: 7\r\nretry: 10\r\n: hi\r\ndata:x\r\n\r\nevent: odd\rdata: {\n\ndata: half",
  },
];

for (const { what, status, headers, body } of SAMPLES) {
  Deno.test(`${what} arrives with its status, its headers and its bytes`, async () => {
    using _ = answering("GET /sample", (response) => {
      response.writeHead(status, headers).end(body);
    });
    const response = await get("/sample");
    assert.equal(response.status, status);
    for (const [name, value] of Object.entries(headers)) {
      assert.equal(response.headers.get(name), value, name);
    }
    const expected = typeof body === "string" ? new TextEncoder().encode(body) : body;
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), expected);
  });
}

const TEXT = JSON.stringify({ id: "gen-1", usage: { prompt_tokens: 1, cost: 0.5 } });
const ENCODINGS: [name: string, encode: (text: string) => Uint8Array, decoded: boolean][] = [
  ["gzip", gzipSync, true],
  ["br", brotliCompressSync, true],
  ["deflate", deflateSync, false],
];

for (const [name, encode, decoded] of ENCODINGS) {
  for (const status of [200, 400]) {
    // better-ccflare PR #243
    Deno.test(`an answer encoded in ${name} with status ${status} arrives ${decoded ? "decoded, without" : "as it came, with"} its content-encoding`, async () => {
      const bytes = encode(TEXT);
      using _ = answering("GET /sample", (response) => {
        const headers = { "content-type": "application/json", "content-encoding": name };
        response.writeHead(status, { ...headers, "content-length": bytes.length }).end(bytes);
      });
      const response = await get("/sample");
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-encoding"), decoded ? null : name);
      const expected = decoded ? new TextEncoder().encode(TEXT) : new Uint8Array(bytes);
      assert.deepEqual(new Uint8Array(await response.arrayBuffer()), expected);
    });
  }
}

Deno.test("what names the operator's account leaves an error page's other bytes as they were", async () => {
  const latin1 = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  using _ = answering("GET /sample", (response) => {
    const page = latin1('<p>caf\xe9 {"user_id":"user_2d"} \x80</p>');
    response.writeHead(403, { "content-type": "text/html", "content-length": page.length }).end(
      page,
    );
  });
  const response = await get("/sample");
  const expected = latin1('<p>caf\xe9 {"user_id":"[redacted]"} \x80</p>');
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), expected);
});

Deno.test("a download arrives with its length", async () => {
  using _ = answering("GET /sample", (response) => {
    const headers = { "content-type": "video/mp4", "content-length": BINARY.length };
    response.writeHead(200, headers).end(BINARY);
  });
  const response = await get("/sample");
  assert.equal(response.headers.get("content-length"), `${BINARY.length}`);
  assert.equal(response.headers.get("transfer-encoding"), null);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), BINARY);
});

const LENGTHLESS: [what: string, headers: Record<string, string>, body: Uint8Array | string][] = [
  ["a decoded answer", { "content-encoding": "gzip" }, gzipSync(TEXT)],
  ["a stream of events", { "content-type": "text/event-stream" }, "data: 1\n\n"],
];

for (const [what, headers, body] of LENGTHLESS) {
  Deno.test(`${what} arrives without OpenRouter's content-length`, async () => {
    using _ = answering("GET /sample", (response) => {
      response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
    });
    const response = await get("/sample");
    assert.equal(response.headers.get("content-length"), null);
    assert.equal(response.headers.get("transfer-encoding"), "chunked");
    await response.body?.cancel();
  });
}

for (const status of [200, 500]) {
  Deno.test(`a download with status ${status} that breaks before its length is a broken connection`, async () => {
    const half = new Uint8Array(1_500_000);
    using _ = answering("GET /sample", (response) => {
      const headers = { "content-type": "video/mp4", "content-length": 2 * half.length };
      response.writeHead(status, headers).write(half, () => response.destroy());
    });
    const response = await get("/sample");
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-length"), `${2 * half.length}`);
    await assert.rejects(response.arrayBuffer());
  });
}

Deno.test("headers of one hop, and cookies, do not reach the client", async () => {
  using _ = answering("GET /sample", (response) => {
    response.writeHead(200, {
      "connection": "keep-alive, X-Hop",
      "keep-alive": "timeout=5",
      "x-hop": "1",
      "proxy-authenticate": "Basic",
      "trailer": "x-checksum",
      "set-cookie": ["a=1; path=/", "b=2"],
      "x-kept": "1",
      "access-control-allow-origin": "https://openrouter.example",
      "x-request-id": "of-openrouter",
    });
    response.write("a");
    response.addTrailers({ "x-checksum": "1" });
    response.end("b");
  });
  const identity = await newIdentity();
  const path = `${API}/sample`;
  const answer = await rawRequest(
    world.gateway.url,
    "GET",
    new URL(world.gateway.url).pathname + path,
    Object.entries(await signed(identity, "GET", path)),
  );
  assert.equal(answer.status, 200);
  assert.equal(answer.body, "ab");
  assert.doesNotMatch(answer.body, /checksum/);
  for (const name of ["keep-alive", "x-hop", "proxy-authenticate", "trailer", "set-cookie"]) {
    assert.equal(answer.headers.get(name), null, name);
  }
  assert.equal(answer.headers.get("x-kept"), "1");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.notEqual(answer.headers.get("x-request-id"), "of-openrouter");
});

Deno.test("a redirect is an answer: it is not followed with the DID's key", async () => {
  using elsewhere = answering("GET /elsewhere", (response) => response.end("followed"));
  using _ = answering("GET /sample", (response) => {
    response.writeHead(307, { location: `${front.url}/elsewhere` }).end();
  });
  const identity = await newIdentity();
  const path = `${API}/sample`;
  const response = await fetch(world.gateway.url + path, {
    headers: await signed(identity, "GET", path),
    redirect: "manual",
  });
  assert.equal(response.status, 307);
  assert.equal(response.headers.get("location"), `${front.url}/elsewhere`);
  await response.body?.cancel();
  assert.equal(elsewhere.asked.length, 0);
});

for (const status of [204, 304]) {
  Deno.test(`status ${status} arrives without a body`, async () => {
    using _ = answering("GET /sample", (response) => {
      response.writeHead(status, { "etag": '"1"' }).end();
    });
    const response = await get("/sample");
    assert.equal(response.status, status);
    assert.equal(response.headers.get("etag"), '"1"');
    assert.equal(await response.text(), "");
  });
}

for (const status of [200, 404]) {
  Deno.test(`HEAD is HEAD at OpenRouter, and its answer with status ${status} has headers and no body`, async () => {
    using sample = answering("HEAD /sample", (response) => {
      const headers = { "content-type": "text/plain", "x-new": "1", "content-length": 99 };
      response.writeHead(status, headers).end();
    });
    for (let time = 0; time < 2; time++) {
      const response = await get("/sample", "HEAD");
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-type"), "text/plain");
      assert.equal(response.headers.get("content-length"), "99");
      assert.equal(response.headers.get("x-new"), "1");
      assert.equal(await response.text(), "");
    }
    assert.deepEqual(sample.asked.map(({ method }) => method), ["HEAD", "HEAD"]);
  });
}

Deno.test("an answer to HEAD that tells no length arrives without one", async () => {
  using _ = answering("HEAD /sample", (response) => {
    response.writeHead(200, { "content-type": "text/plain", "transfer-encoding": "chunked" }).end();
  });
  const response = await get("/sample", "HEAD");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-length"), null);
  assert.equal(await response.text(), "");
});

for (const length of [0, 2, 200_000]) {
  const status = length === 0 ? "failed" : "completed";
  Deno.test(`a metered answer of ${length} bytes, whose length is known, is booked as ${status}`, async () => {
    const body = " ".repeat(Math.max(0, length - 2)) + "{}".slice(0, length);
    using _ = answering("POST /chat/completions", (response) => {
      const headers = { "content-type": "application/json", "content-length": length };
      response.writeHead(200, headers).end(body);
    });
    const response = await call(world.gateway, await newIdentity(), "POST", CHAT, chat("hi"));
    assert.equal(response.headers.get("content-length"), `${length}`);
    assert.equal(await response.text(), body);
    assert.equal((await world.db.endedRow(response)).status, status);
  });
}

const TARGETS = [
  "/sample?a=1&a=2&a=1&b&c=&=d&&e==f",
  "/sample?q=%20+%2B%2f%2F%25%zz%",
  "/sample?q=%c3%A9&%c3%a9=1",
  "/sample?path=/../x//y&u=https://a.example:8/b?c=d",
  "/sample?j={%22a%22:[1,2]}&t=~!$()*,;:@|^`",
  "/sample?",
];

for (const target of TARGETS) {
  Deno.test(`GET ${target} reaches OpenRouter as it was sent`, async () => {
    using sample = answering("GET /sample", (response) => response.end("ok"));
    const identity = await newIdentity();
    const path = API + target;
    const answer = await rawRequest(
      world.gateway.url,
      "GET",
      new URL(world.gateway.url).pathname + path,
      Object.entries(await signed(identity, "GET", path)),
    );
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(sample.asked.map(({ url }) => url), [`/api/v1${target}`]);
  });
}

for (const path of ["/a%20b/%C3%A9", "/x:free/~y!$&'()*+,;=@", "/[z]|", "/a.b.c/-_", "/%41%7E"]) {
  Deno.test(`GET ${path} reaches OpenRouter as it was sent`, async () => {
    using sample = answering(`GET ${path}`, (response) => response.end("ok"));
    const identity = await newIdentity();
    const answer = await rawRequest(
      world.gateway.url,
      "GET",
      new URL(world.gateway.url).pathname + API + path,
      Object.entries(await signed(identity, "GET", API + path)),
    );
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(sample.asked.map(({ url }) => url), [`/api/v1${path}`]);
  });
}

Deno.test("a query that a URL parser would rewrite is refused, not rewritten", async () => {
  using sample = answering("GET /sample", (response) => response.end("ok"));
  for (const query of ["?a='b'", '?a="b"', "?a=<b>"]) {
    const identity = await newIdentity();
    const path = `${API}/sample${query}`;
    const answer = await rawRequest(
      world.gateway.url,
      "GET",
      new URL(world.gateway.url).pathname + path,
      Object.entries(await signed(identity, "GET", path)),
    );
    assert.equal(answer.status, 400, answer.body);
  }
  assert.equal(sample.asked.length, 0);
});

for (const method of ["PUT", "PATCH", "DELETE"]) {
  Deno.test(`${method} reaches OpenRouter with its body and its type, and is not booked`, async () => {
    using sample = answering(`${method} /sample`, (response) => response.end("ok"));
    const identity = await newIdentity();
    const body = new TextEncoder().encode('{"a": 1.0}\n');
    const response = await call(world.gateway, identity, method, `${API}/sample`, body, {
      headers: { "content-type": "application/merge-patch+json" },
    });
    assert.equal(await response.text(), "ok");
    assert.equal(new TextDecoder().decode(sample.asked[0]?.body), '{"a": 1.0}\n');
    assert.equal(sample.asked[0]?.headers["content-type"], "application/merge-patch+json");
    assert.deepEqual(await world.db.rowsOf(identity.did), []);
  });
}

Deno.test("a stream's chunks arrive one by one, as OpenRouter sends them", async () => {
  let release!: () => void;
  using _ = answering("POST /chat/completions", (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    release = () => {
      response.write("data: 2\n\n");
      release = () => response.end("data: 3\n\n");
    };
  });
  const client = await connect(
    world.gateway,
    await newIdentity(),
    CHAT,
    chat("hi", { stream: true }),
  );
  // Each event is awaited before OpenRouter sends the next.
  await client.until("data: 1\n\n");
  release();
  await client.until("data: 2\n\n");
  release();
  const arrived = await client.until("data: 3\n\n");
  assert.match(arrived, /^transfer-encoding: chunked\r$/mi);
  client.close();
});
