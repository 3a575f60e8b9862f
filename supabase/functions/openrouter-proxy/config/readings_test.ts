import assert from "node:assert/strict";
import { assertProblems, config } from "../testing/environments.ts";

for (const rate of ["1", "12", "0.5", "10.25", "007"]) {
  Deno.test(`${rate} is a price of a credit, as it is written`, () => {
    assert.equal(config({ OPENROUTER_USD_PER_CREDIT: rate }).usdPerCredit, rate);
  });
}

for (const key of ["sk-or-v1-…", "sk-or-v1-a sk-or-v1-b", "sk-or-v1-a\nX=1", "“sk-or-v1-a”"]) {
  Deno.test(`${JSON.stringify(key)} is no management key: no header takes it`, () => {
    assertProblems({ OPENROUTER_PROVISIONING_KEY: key }, "OPENROUTER_PROVISIONING_KEY");
  });
}

for (const name of ["HTTP_REFERER", "X_TITLE"]) {
  Deno.test(`${name} is what a header takes`, () => {
    config({ [name]: "My gateway: ~ 1!" });
    for (const text of ["wörkspace", "a\nb", "a\tb", "“x”"]) assertProblems({ [name]: text }, name);
  });
}

for (
  const url of [
    "//h/x",
    "https://",
    "http://[",
    "https://h/x?y=1",
    "https://h/x#y",
    "https://h/x y",
  ]
) {
  Deno.test(`${url} is no URL of an API`, () => {
    assertProblems({ OPENROUTER_API_URL: url }, "OPENROUTER_API_URL");
    assertProblems({ SUPABASE_URL: url }, "SUPABASE_URL");
  });
}

for (const path of ["/rest/v1", "/rest/v1/", "/functions/v1/openrouter-proxy"]) {
  Deno.test(`a URL with ${path} is another than the project's`, () => {
    assertProblems({ SUPABASE_URL: `https://ref.supabase.co${path}` }, "SUPABASE_URL");
    assert.equal(config({ SUPABASE_URL: "https://h/rest/" }).supabaseUrl, "https://h/rest");
  });
}

Deno.test("the project's URL is taken in the spelling that clients have it in", () => {
  for (const url of ["https://Ref.Supabase.CO", "https://ref.supabase.co:443/"]) {
    const { supabaseUrl, audience } = config({ SUPABASE_URL: url });
    assert.equal(supabaseUrl, "https://ref.supabase.co");
    assert.equal(audience, "https://ref.supabase.co/functions/v1/openrouter-proxy");
  }
});

for (const url of ["ftp://h/x", "https://", "http://[", "https://h/x#y", "https://h/x y", "/x"]) {
  Deno.test(`${url} is no URL of a webhook`, () => {
    assertProblems({ ALERT_WEBHOOK_URL: url }, "ALERT_WEBHOOK_URL");
  });
}

for (
  const number of ["0", "-1", "1.5", "1e3", "0x10", "1_000", "NaN", "Infinity", "1".repeat(13)]
) {
  Deno.test(`${number} is no positive whole number`, () => {
    assertProblems({ MAX_REQUEST_BYTES: number }, "MAX_REQUEST_BYTES");
  });
}

Deno.test("a number is as large as a timer takes, and not larger", () => {
  const largest = config({ UPSTREAM_IDLE_TIMEOUT_MS: "2147483647" });
  assert.equal(largest.upstreamIdleTimeoutMs, 2_147_483_647);
  assertProblems({ UPSTREAM_IDLE_TIMEOUT_MS: "2147483648" }, "UPSTREAM_IDLE_TIMEOUT_MS");
});

for (const id of ["0b6f9c1e-3f4d-4a5b-8c7d-9e0f1a2b3c4d", "ws_1", "~!/?", "x".repeat(128)]) {
  Deno.test(`${id} may be the id of a workspace`, () => {
    assert.equal(config({ OPENROUTER_WORKSPACE_ID: id }).workspaceId, id);
  });
}

for (const id of ["of mine", "a\nb", "a\tb", "wörkspace", "a\u007f", "x".repeat(129)]) {
  Deno.test(`${JSON.stringify(id)} is no id of OpenRouter's`, () => {
    assertProblems({ OPENROUTER_WORKSPACE_ID: id }, "OPENROUTER_WORKSPACE_ID");
  });
}

for (const rate of ["0", "0.000", "-1", "1e-6", ".5", "1.", "NaN", "one"]) {
  Deno.test(`${rate} is no price of a credit`, () => {
    assertProblems({ OPENROUTER_USD_PER_CREDIT: rate }, "OPENROUTER_USD_PER_CREDIT");
  });
}
