import assert from "node:assert/strict";
import { createLinks } from "./links.ts";

const linkOf = createLinks("https://openrouter.ai/api/v1", "https://x.supabase.co/functions/v1/p");
const BASE = "https://x.supabase.co/functions/v1/p/api/v1/openrouter";

const LINKS: [url: string, expected: string | null][] = [
  ["https://openrouter.ai/api/v1/videos/a", `${BASE}/videos/a`],
  ["https://openrouter.ai/api/v1/videos/a/content?index=0#t", `${BASE}/videos/a/content?index=0#t`],
  ["/api/v1/videos/a", `${BASE}/videos/a`],
  ["//openrouter.ai/api/v1/videos/a", `${BASE}/videos/a`],
  ["https://openrouter.ai/api/v10/videos/a", null],
  ["https://openrouter.ai/videos/a", null],
  ["https://cdn.example/api/v1/videos/a", null],
  ["http://openrouter.ai/api/v1/videos/a", null],
  ["https://[", null],
];

for (const [url, expected] of LINKS) {
  Deno.test(`${url} leads ${expected === null ? "elsewhere" : "through the gateway"}`, () => {
    assert.equal(linkOf(url), expected);
  });
}

Deno.test("the API may be all that its host has", () => {
  const link = createLinks("https://api.example", "https://x.example/p");
  assert.equal(link("/videos/a"), "https://x.example/p/api/v1/openrouter/videos/a");
});
