import assert from "node:assert/strict";
import { pathAndQueryOf } from "./function_path.ts";

const CASES: [url: string, pathAndQuery: string][] = [
  [
    "https://ref.supabase.co/openrouter-proxy/api/v1/usage?group_by=day",
    "/api/v1/usage?group_by=day",
  ],
  ["http://127.0.0.1:54321/functions/v1/openrouter-proxy/health", "/health"],
  ["https://ref.supabase.co/openrouter-proxy", "/"],
  ["https://ref.supabase.co/openrouter-proxy?x", "/?x"],
  ["/openrouter-proxy/x", "/x"],
  // Whatever else is in a path is a part of it.
  ["https://gateway.example/openrouter-proxies/x", "/openrouter-proxies/x"],
  ["https://gateway.example/a/openrouter-proxy/x", "/a/openrouter-proxy/x"],
  [
    "https://gateway.example/functions/v1/a/openrouter-proxy/x",
    "/functions/v1/a/openrouter-proxy/x",
  ],
  ["https://gateway.example/x?at=/openrouter-proxy/y", "/x?at=/openrouter-proxy/y"],
  ["https://gateway.example/openrouter-proxy/openrouter-proxy/x", "/openrouter-proxy/x"],
  ["/x?at=http://a.example/y", "/x?at=http://a.example/y"],
  ["HTTPS://gateway.example/x", "/x"],
  ["https://gateway.example?x/y", "?x/y"],
];

for (const [url, pathAndQuery] of CASES) {
  Deno.test(`the function is asked for ${pathAndQuery} by ${url}`, () => {
    assert.equal(pathAndQueryOf(url), pathAndQuery);
  });
}
