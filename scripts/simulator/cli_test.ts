import assert from "node:assert/strict";
import { MANAGEMENT_KEY } from "./testing.ts";

const command = (env: Record<string, string>) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../simulator.ts", import.meta.url).href],
    env,
    stdout: "piped",
    stderr: "piped",
  });

Deno.test("scripts/simulator.ts prints its URL, then ready, and serves there", async () => {
  await using process = command({ OPENROUTER_PROVISIONING_KEY: MANAGEMENT_KEY }).spawn();
  let printed = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    if (/^ready.*\n/m.test(printed)) break;
  }
  const [, url] = /^OPENROUTER_API_URL=(http:\S+\/api\/v1)\nready/.exec(printed) ?? [];
  assert.ok(url, printed);
  const response = await fetch(`${url}/keys`, {
    headers: { authorization: `Bearer ${MANAGEMENT_KEY}` },
  });
  assert.deepEqual(await response.json(), { data: [] });
  await process.stderr.cancel();
});

Deno.test("scripts/simulator.ts says which variable is missing or bad", async () => {
  const missing = await command({ OPENROUTER_PROVISIONING_KEY: "" }).output();
  assert.equal(missing.code, 2);
  assert.match(new TextDecoder().decode(missing.stderr), /OPENROUTER_PROVISIONING_KEY is not set/);
  const bad = await command({ OPENROUTER_PROVISIONING_KEY: "x", PORT: "http" }).output();
  assert.equal(bad.code, 2);
  assert.match(new TextDecoder().decode(bad.stderr), /PORT must be a whole number/);
});
