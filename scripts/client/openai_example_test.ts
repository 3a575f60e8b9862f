import assert from "node:assert/strict";
import { startVerifyingGateway } from "../identity/verifying_gateway.ts";
import { runToEnd } from "../run_to_end.ts";

const example = `${import.meta.dirname}/openai_example.ts`;

async function run(gatewayUrl: string, identityFile: string): Promise<string> {
  const { success, stdout, stderr } = await runToEnd(Deno.execPath(), {
    args: ["run", "-A", example, "Hello"],
    env: { GATEWAY_URL: gatewayUrl, DID_FILE: identityFile, GATEWAY_AUDIENCE: gatewayUrl },
  });
  assert.ok(success, stderr);
  return stdout;
}

Deno.test("openai_example.ts streams an answer, keeps its DID, and the SDK's retries are its own", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using gateway = startVerifyingGateway();
    const file = `${folder}/identity.did.json`;
    assert.equal(await run(gateway.url, file), "Hello 世界");
    // Windows has no such bits.
    if (Deno.build.os !== "windows") assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);

    gateway.failures.push(503);
    assert.equal(await run(gateway.url, file), "Hello 世界");
    const { did } = JSON.parse(await Deno.readTextFile(file));
    assert.deepEqual(gateway.received.map((request) => request.did), [did, did, did]);
    const { path, body } = gateway.received[2]!;
    assert.equal(path, "/api/v1/openrouter/chat/completions");
    assert.equal(JSON.parse(body.toString()).messages[0].content, "Hello");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
