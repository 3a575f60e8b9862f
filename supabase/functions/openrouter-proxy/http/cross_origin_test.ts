import fc from "fast-check";
import assert from "node:assert/strict";
import { Hono } from "hono";
import { crossOrigin } from "./cross_origin.ts";

const ORIGIN = "https://app.example";
const PROTOCOL = await Deno.readTextFile(
  new URL("../../../../docs/protocol.md", import.meta.url),
);

/** What docs/protocol.md, "CORS", lists under this name. */
function told(name: string): string {
  return new RegExp(`^- ${name}: ([^]*?)\\.$`, "m").exec(PROTOCOL)![1]!.replaceAll(/\s+/g, " ");
}

function app(origins: "*" | string[]) {
  const hono = new Hono();
  const { preflight, tell } = crossOrigin(origins);
  hono.all("/", async (c) => {
    if (c.req.method === "OPTIONS") return await preflight(c);
    c.res = new Response("x", {
      headers: { "access-control-allow-origin": "upstream", "vary": "accept-encoding" },
    });
    await tell(c);
    return c.res;
  });
  return hono;
}

async function preflight(
  origins: "*" | string[],
  requestHeaders: string | null,
  { origin = ORIGIN, headers = {} }: { origin?: string; headers?: Record<string, string> } = {},
) {
  return await app(origins).request("http://gateway.example/", {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      ...(requestHeaders !== null && { "access-control-request-headers": requestHeaders }),
      ...headers,
    },
  });
}

function list(response: Response, name: string): string[] {
  const value = response.headers.get(name);
  return value === null ? [] : value.split(",").map((item) => item.trim());
}

Deno.test("a preflight allows the methods of protocol.md, for a day", async () => {
  const response = await preflight("*", "x-did");
  assert.equal(response.status, 204);
  assert.equal(await response.text(), "");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.equal(response.headers.get("access-control-max-age"), "86400");
  assert.deepEqual(list(response, "access-control-allow-methods"), told("Methods").split(", "));
});

for (
  const [what, asked, allowed] of [
    [
      "what Firefox, Anthropic's SDK, OpenAI's, supabase-js and OpenTelemetry ask for",
      "user-agent,anthropic-dangerous-direct-browser-access, openai-organization,x-region, baggage",
      [
        "user-agent",
        "anthropic-dangerous-direct-browser-access",
        "openai-organization",
        "x-region",
        "baggage",
      ],
    ],
    ["names in lower case, each once", "X-DID, x-did,Authorization", ["x-did", "authorization"]],
    ["every character of a name", "a!#$%&'*+-.^_`|~9", ["a!#$%&'*+-.^_`|~9"]],
    ["no wildcard", "*, x-a", ["x-a"]],
    ["nothing that is no name", "x-a b, x(y, , :x, x-é", ["accept"]],
    ["no name that is endless", `x-a, ${"x".repeat(129)}`, ["x-a"]],
    ["what needs no leave, where nothing is asked for", null, ["accept"]],
  ] as const
) {
  Deno.test(`a preflight allows ${what}`, async () => {
    const response = await preflight("*", asked);
    assert.deepEqual(list(response, "access-control-allow-headers"), allowed);
  });
}

Deno.test("a preflight allows no more headers than any client sends", async () => {
  const asked = Array.from({ length: 1_000 }, (_, n) => `x-${n}`);
  const response = await preflight("*", asked.join());
  assert.deepEqual(list(response, "access-control-allow-headers"), asked.slice(0, 100));
});

Deno.test("a preflight is answered whatever it asks for, with what it asks for alone", async () => {
  const asked = fc.string({ unit: fc.constantFrom("x", "-", ",", " ", "*", "(", "é", "A") });
  await fc.assert(fc.asyncProperty(asked, async (requestHeaders) => {
    const response = await preflight("*", requestHeaders);
    assert.equal(response.status, 204);
    for (const name of list(response, "access-control-allow-headers")) {
      if (name === "accept") continue;
      assert.match(name, /^[x*a-]+$/);
      assert.ok(requestHeaders.toLowerCase().includes(name) && name !== "*");
    }
  }));
});

Deno.test("an answer exposes what clients read, and has one allowed origin whatever OpenRouter sent", async () => {
  const response = await app("*").request("http://gateway.example/", {
    headers: { origin: ORIGIN },
  });
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  assert.equal(response.headers.get("vary"), "accept-encoding");
  assert.deepEqual(
    list(response, "access-control-expose-headers"),
    told("Exposed response headers").replaceAll("`", "").split(", "),
  );
});

Deno.test("only the listed origins may call", async () => {
  const origins = [ORIGIN, "https://other.example"];
  const allowed = await preflight(origins, "x-did");
  assert.equal(allowed.headers.get("access-control-allow-origin"), ORIGIN);
  for (const origin of ["https://evil.example", `${ORIGIN}.evil.example`, "null"]) {
    const refused = await preflight(origins, "x-did", { origin });
    assert.equal(refused.headers.get("access-control-allow-origin"), null, origin);
    const answer = await app(origins).request("http://gateway.example/", { headers: { origin } });
    // OpenRouter's own would let everybody read it.
    assert.notEqual(answer.headers.get("access-control-allow-origin"), origin);
  }
});

Deno.test("an answer says that it depends on the origin where origins are listed", async () => {
  for (const origin of [ORIGIN, "https://evil.example"]) {
    const answer = await app([ORIGIN]).request("http://gateway.example/", { headers: { origin } });
    assert.equal(answer.headers.get("vary"), "accept-encoding, Origin");
    assert.match((await preflight([ORIGIN], "x", { origin })).headers.get("vary") ?? "", /Origin/);
  }
});

Deno.test("a page may reach a gateway in its private network if its origin may call", async () => {
  const headers = { "access-control-request-private-network": "true" };
  const allowedTo = async (origin: string) =>
    (await preflight([ORIGIN], "x-did", { origin, headers }))
      .headers.get("access-control-allow-private-network");
  assert.equal(await allowedTo(ORIGIN), "true");
  assert.equal(await allowedTo("https://evil.example"), null);
  const unasked = await preflight("*", "x-did");
  assert.equal(unasked.headers.get("access-control-allow-private-network"), null);
});
