import assert from "node:assert/strict";
import { handlerFromEnv } from "./runtime.ts";

Deno.test("a gateway without a usable environment says so once, and tells clients nothing more", async () => {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => lines.push(line);
  try {
    const env: Record<string, string> = {
      API_KEY_ENCRYPTION_KEY: "too-short-a-secret",
      SUPABASE_URL: "nonsense",
    };
    const handler = handlerFromEnv({ get: (name) => env[name] });
    for (let request = 0; request < 2; request++) {
      const response = await handler(new Request("http://h/openrouter-proxy/api/v1/health"));
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
