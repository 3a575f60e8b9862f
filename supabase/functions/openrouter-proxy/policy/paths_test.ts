import fc from "fast-check";
import assert from "node:assert/strict";
import { GatewayError } from "../errors.ts";
import { pathAndQueryOf } from "../http/function_path.ts";
import { proxyTarget, upstreamUrl, upstreamUrls } from "./paths.ts";

const OPENROUTER = "https://openrouter.ai/api/v1";

function target(rest: string) {
  return proxyTarget(`/api/v1/openrouter${rest}`);
}

const URLS: [url: string, pathAndQuery: string][] = [
  ["http://127.0.0.1:54321/functions/v1/openrouter-proxy/api/v1/usage?a=1", "/api/v1/usage?a=1"],
  ["https://ref.supabase.co/openrouter-proxy/api/v1/usage", "/api/v1/usage"],
  ["https://ref.supabase.co/openrouter-proxy", "/"],
  ["https://ref.supabase.co/openrouter-proxy?deep=1", "/?deep=1"],
  ["https://ref.supabase.co/openrouter-proxy/", "/"],
  ["http://h/openrouter-proxy/openrouter-proxy/x", "/openrouter-proxy/x"],
  ["http://h/openrouter-proxy/x?u=http://h/openrouter-proxy/y", "/x?u=http://h/openrouter-proxy/y"],
  ["http://h/openrouter-proxyx/api", "/openrouter-proxyx/api"],
  ["http://h/elsewhere/openrouter-proxy/api", "/elsewhere/openrouter-proxy/api"],
  ["http://h/?u=/openrouter-proxy/x", "/?u=/openrouter-proxy/x"],
];

for (const [url, pathAndQuery] of URLS) {
  Deno.test(`pathAndQueryOf finds ${pathAndQuery} in ${url}`, () => {
    assert.equal(pathAndQueryOf(url), pathAndQuery);
  });
}

for (
  const [rest, path] of [
    ["/models/openai%2Fgpt-4o-mini", "/models/openai/gpt-4o-mini"],
    ["/v1/models/openai%2fgpt-4o-mini", "/models/openai/gpt-4o-mini"],
    ["/models/openai%2Fgpt-4o-mini/endpoints", "/models/openai/gpt-4o-mini/endpoints"],
    ["/model/%7Eopenai%2Fgpt-latest%3Afree", "/model/%7Eopenai/gpt-latest%3Afree"],
    ["/Models/a%2Fb", "/Models/a/b"],
  ] as const
) {
  Deno.test(`proxyTarget takes ${rest} for ${path}`, () => {
    assert.deepEqual(target(`${rest}?a=%2F`), { path, search: "?a=%2F" });
  });
}

for (
  const [search, without] of [
    ["?forceFunctionRegion=eu-central-1", ""],
    ["?a=1&forceFunctionRegion=eu-central-1&b=2", "?a=1&b=2"],
    ["?forceFunctionRegion", ""],
    ["?forceFunctionRegions=x", "?forceFunctionRegions=x"],
  ]
) {
  Deno.test(`proxyTarget makes ${JSON.stringify(without)} of ${search}`, () => {
    assert.equal(target(`/models${search}`).search, without);
  });
}

const ACCEPTED = [
  "/chat/completions",
  "/chat/completions?",
  "/chat/completions?a=1&a=2&b=%20%2F%2e%2e%zz+c",
  "/models/openai/gpt-4o-mini:free/endpoints",
  "/models/~x!$&'()*+,;=@[]|",
  "/generation?id=gen-1&id=gen-2",
  "/caf%C3%A9",
  "/a.b/c..d".replace("..", "."),
  "/100%2525",
  "/videos/a%20b",
  "/",
  "/?q=//x/../y?z",
];

for (const rest of ACCEPTED) {
  Deno.test(`proxyTarget accepts ${rest}, and it reaches OpenRouter as it is`, () => {
    const url = upstreamUrl(OPENROUTER, target(rest));
    assert.equal(url, OPENROUTER + rest);
    assert.equal(new URL(url).href, url);
  });
}

const REFUSED: [rest: string, because: string][] = [
  ["", "a missing slash"],
  ["x", "a missing slash"],
  ["?a=1", "a missing slash"],
  ["//evil.example/x", "an empty segment"],
  ["/chat//completions", "an empty segment"],
  ["/..", "a dot segment"],
  ["/../keys", "a dot segment"],
  ["/chat/../../keys", "a dot segment"],
  ["/chat/./completions", "a dot segment"],
  ["/chat/.", "a dot segment"],
  ["/a..b", "two dots in a row"],
  ["/%2e%2e/keys", "an encoded dot, slash or backslash"],
  ["/%2E%2E/keys", "an encoded dot, slash or backslash"],
  ["/.%2e/keys", "an encoded dot, slash or backslash"],
  ["/..%2fkeys", "an encoded dot, slash or backslash"],
  ["/chat%2fcompletions", "an encoded dot, slash or backslash"],
  ["/chat%2Fcompletions", "an encoded dot, slash or backslash"],
  ["/chat%5ccompletions", "an encoded dot, slash or backslash"],
  ["/models%2Fopenai", "an encoded dot, slash or backslash"],
  ["/videos/models%2Fx", "an encoded dot, slash or backslash"],
  ["/modelsx/a%2Fb", "an encoded dot, slash or backslash"],
  ["/v1/v1/models/a%2Fb", "an encoded dot, slash or backslash"],
  ["/models/..%2Fkeys", "a dot segment"],
  ["/models/%2e%2e%2Fkeys", "an encoded dot, slash or backslash"],
  ["/models/a%2F..%2F..%2Fkeys", "a dot segment"],
  ["/models/%2Fkeys", "an empty segment"],
  ["/models/a%252Fb", "an encoded dot, slash or backslash"],
  ["/models/a%5Cb", "an encoded dot, slash or backslash"],
  ["/%252e%252e/keys", "an encoded dot, slash or backslash"],
  ["/chat%252fcompletions", "an encoded dot, slash or backslash"],
  ["/%25%32%65", "an encoded dot, slash or backslash"],
  ["/chat\\completions", "a character that has to be percent-encoded"],
  ["/chat%0acompletions", "a control character or backslash"],
  ["/chat%00", "a control character or backslash"],
  ["/chat%7f", "a control character or backslash"],
  ["/chat%250d", "a control character or backslash"],
  ["/chat%zz", "a broken percent-encoding"],
  ["/chat%", "a broken percent-encoding"],
  ["/100%25", "a broken percent-encoding"],
  ["/%c3", "a broken percent-encoding"],
  ["/%c0%ae", "a broken percent-encoding"],
  ["/caf\u00e9", "a character that has to be percent-encoded"],
  ["/a b", "a character that has to be percent-encoded"],
  ["/a\tb", "a character that has to be percent-encoded"],
  ["/a\nb", "a character that has to be percent-encoded"],
  ["/a\0b", "a character that has to be percent-encoded"],
  ["/a#b", "a character that has to be percent-encoded"],
  ["/a{b}", "a character that has to be percent-encoded"],
  ["/a`b", "a character that has to be percent-encoded"],
  ["/a^b", "a character that has to be percent-encoded"],
  ['/a"b', "a character that has to be percent-encoded"],
  ["/a<b>", "a character that has to be percent-encoded"],
  ["/a?b#c", "its query"],
  ["/a?b c", "its query"],
  ["/a?b\\c", "its query"],
  ["/a?b\r\nhost:x", "its query"],
  ["/a?b\u00e9", "its query"],
  ["/a?b'c", "its query"],
  ['/a?b"c', "its query"],
  ["/a?b<c>", "its query"],
  ["/a?\x7f", "its query"],
];

for (const [rest, because] of REFUSED) {
  Deno.test(`proxyTarget refuses ${JSON.stringify(rest)}`, () => {
    assert.throws(() => target(rest), {
      type: "invalid_request",
      message: `the path is refused because of ${because}: servers differ in what they make of it`,
    });
  });
}

Deno.test("an API at the root of its host is one", () => {
  const target = { path: "/models", search: "?a=1" };
  for (const url of ["https://openrouter.example", "https://openrouter.example/api/v1"]) {
    assert.equal(upstreamUrl(url, target), `${url}/models?a=1`);
  }
});

Deno.test("the alias alone is the root", () => {
  assert.deepEqual(target("/v1"), { path: "/", search: "" });
  assert.deepEqual(target("/v1/"), { path: "/", search: "" });
  assert.deepEqual(target("/v1?a=1"), { path: "/", search: "?a=1" });
});

Deno.test("upstreamUrl refuses what would leave OpenRouter's API", () => {
  for (const path of ["/../keys", "/a/../../x", "@evil.example/", ".evil.example/"]) {
    assert.throws(() => upstreamUrl("https://openrouter.ai", { path, search: "" }), {
      type: "invalid_request",
      message: "the path leads out of OpenRouter's API",
    }, path);
  }
});

/** Characters and encodings that have meaning to some URL parser, more often than others. */
const piece = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("/", ".", "..", "%2e", "%252e", "%2f", "%5C", "\\", "%"),
  },
  { weight: 2, arbitrary: fc.constantFrom("?", "#", "@", ":", "//", ";", "'", '"', "<", "^", "|") },
  { weight: 3, arbitrary: fc.string({ maxLength: 3 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 2 }) },
  { weight: 3, arbitrary: fc.constantFrom("chat", "keys", "a", "é", "%C3%A9", "%41") },
);

Deno.test("whatever proxyTarget accepts keeps its exact bytes in a URL, and stays below OpenRouter's API", () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`),
      (rest) => {
        // Where bytes change on purpose, other tests say how.
        fc.pre(!/^\/(?:v1|models?)(?:[/?]|$)/i.test(rest));
        let accepts;
        try {
          accepts = target(rest);
        } catch (error) {
          assert.ok(error instanceof GatewayError);
          return;
        }
        accepted++;
        const url = upstreamUrl(OPENROUTER, accepts);
        assert.equal(url, OPENROUTER + rest);
        assert.equal(new URL(url).href, url);
      },
    ),
    { numRuns: 5_000 },
  );
  assert.ok(accepted > 100, `only ${accepted} were accepted: the property says little`);
});

Deno.test("upstreamUrls tells the same of what it is asked for again, with and without a query", () => {
  const urlOf = upstreamUrls(OPENROUTER);
  for (const path of ["/chat/completions", "/models"]) {
    for (const search of ["", "?a=1", "", "?a=2"]) {
      assert.equal(urlOf({ path, search }), `${OPENROUTER}${path}${search}`);
    }
  }
  for (let times = 0; times < 2; times++) {
    assert.throws(() => urlOf({ path: "/../keys", search: "" }), { type: "invalid_request" });
  }
});
