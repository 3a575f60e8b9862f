import OpenAI from "openai";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type ProxyProcess, startProxyProcess } from "../../../scripts/proxy/testing.ts";
import { AUDIENCE, chat } from "./harness/client.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const DID = fileURLToPath(new URL("../../../scripts/did.ts", import.meta.url));

/** `did proxy` of a new identity in front of the gateway. */
async function withProxy(
  options: string[],
  test: (proxy: ProxyProcess) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using proxy = await startProxyProcess([Deno.execPath(), "run", "--quiet", "-A", DID], {
      gatewayUrl: world.gateway.url,
      folder,
      options,
      env: { GATEWAY_AUDIENCE: AUDIENCE },
    });
    await test(proxy);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const options of [[], ["--sign"]]) {
  Deno.test(`an OpenAI SDK streams and leaves through did proxy ${options.join("")}, and both are booked`, async () => {
    await withProxy(options, async ({ url, did }) => {
      const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
      const ask = async (content: string, headers = {}) =>
        await openai.chat.completions.create({
          model: "openai/gpt-4o-mini",
          messages: [{ role: "user", content }],
          stream: true,
        }, { headers });
      let answer = "";
      for await (const chunk of await ask("one two three")) {
        answer += chunk.choices[0]?.delta.content ?? "";
      }
      assert.equal(answer, "one two three");

      let begun = "";
      for await (const chunk of await ask("one two three", { "x-openrouter-simulate": "hang:2" })) {
        begun += chunk.choices[0]?.delta.content ?? "";
        if (begun === "one two") break;
      }
      const rows = await world.db.endedRows(did, 2);
      assert.deepEqual(rows.map(({ status }) => status).sort(), ["completed", "failed"]);
    });
  });
}

Deno.test("what Anthropic's clients send through did proxy is served, and the gateway's refusals arrive", async () => {
  await withProxy([], async ({ url, did }) => {
    const headers = {
      "x-api-key": "unused",
      "anthropic-version": "2023-06-01",
      "content-type": "application/json",
    };
    const body = chat("hello", { max_tokens: 64 });
    const answer = await fetch(`${url}/v1/messages`, { method: "POST", headers, body });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    assert.match(JSON.parse(text).content[0].text, /^hello/);
    const [row] = await world.db.endedRows(did, 1);
    assert.deepEqual([row?.status, row?.endpoint], ["completed", "/messages"]);

    const refused = await fetch(`${url}/v1/files`);
    assert.equal(refused.status, 403);
    assert.equal((await refused.json()).error.type, "path_forbidden");
    const usage = await (await fetch(`${url}/api/v1/usage`)).json();
    assert.deepEqual([usage.data.did, usage.data.total_requests], [did, 1]);
  });
});
