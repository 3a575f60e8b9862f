import assert from "node:assert/strict";
import { Hono } from "hono";
import { errorResponse } from "../errors.ts";
import { assertWellFormedHost } from "./well_formed_host.ts";

const app = new Hono();
app.use((c, next) => {
  assertWellFormedHost(c.req.raw);
  return next();
});
app.onError((error) => errorResponse(error, "id"));
app.all("*", (c) => c.text("passed"));

/** Whether a request with this URL and this Host is refused; null: it has no Host. */
async function isRefused(url: string, host: string | null): Promise<boolean> {
  const request = new Request(url, { headers: host === null ? {} : { host } });
  const response = await app.fetch(request);
  if (response.status === 200) return false;
  assert.equal(response.status, 400);
  const { error } = await response.json();
  assert.ok(
    error.message ===
      (NO_HOSTS.includes(host!)
        ? "the Host header is not a host"
        : "the request's target names another host than its Host header: send the path alone"),
    error.message,
  );
  return true;
}

const NO_HOSTS = [
  "a.example/x",
  "a.example?x",
  "a.example#x",
  "u@a.example",
  "a b",
  "a\\b",
  "b\u00fccher.example",
];

Deno.test("a Host is a host and a port", async () => {
  for (const host of ["a.example", "a.example:8080", "127.0.0.1:1", "[::1]:54321"]) {
    assert.equal(await isRefused(`http://${host}/x?y`, host), false, host);
  }
  for (const host of NO_HOSTS) {
    assert.equal(await isRefused("http://a.example/x", host), true, host);
  }
});

Deno.test("a request's URL is at its Host", async () => {
  for (const url of ["http://b.example/x", "http://a.example:80/x", "http://a.example.b/"]) {
    assert.equal(await isRefused(url, "a.example:81"), true, url);
  }
  for (const url of ["http://a.example.b/x", "http://a.example:81/x", "http://a.example@b/x"]) {
    assert.equal(await isRefused(url, "a.example"), true, url);
  }
  assert.equal(await isRefused("https://a.example/x", "a.example"), false);
  assert.equal(await isRefused("http://a.example", "a.example"), false);
});

/** A request whose URL is as Deno's server gives it: `new Request` would write it in lower case. */
async function isRefusedAt(url: string, host: string): Promise<boolean> {
  const request = new Request("http://a.example/", { headers: { host } });
  Object.defineProperty(request, "url", { value: url });
  return (await app.fetch(request)).status !== 200;
}

Deno.test("a scheme and a host are the same in capitals", async () => {
  for (
    const [url, host] of [
      ["HTTP://a.example/x", "a.example"],
      ["http://A.EXAMPLE:81/x?y", "a.example:81"],
      ["Https://a.Example", "A.example"],
    ] as const
  ) {
    assert.equal(await isRefusedAt(url, host), false, url);
  }
  for (const url of ["HTTP://b.example/x", "http://A.EXAMPLE.b/x", "ftp://a.example/x"]) {
    assert.equal(await isRefusedAt(url, "a.example"), true, url);
  }
});

Deno.test("a request without a Host, or with an empty one, has the URL that the server gave it", async () => {
  assert.equal(await isRefused("http://localhost:54321/x", null), false);
  assert.equal(await isRefused("http://localhost:54321/x", ""), false);
});

Deno.test("on Supabase, whose main worker makes the URL, its host is nothing to go by", async () => {
  Object.assign(globalThis, { EdgeRuntime: {} });
  try {
    assert.equal(await isRefused("http://127.0.0.1/x", "supabase_edge_runtime:8081"), false);
    for (const host of NO_HOSTS) {
      assert.equal(await isRefused("http://127.0.0.1/x", host), true, host);
    }
  } finally {
    Reflect.deleteProperty(globalThis, "EdgeRuntime");
  }
});
