/** The recipes of docs/clients.md, as they stand there. The coding agents' are in agents/. */
import assert from "node:assert/strict";
import { runToEnd } from "../../../scripts/run_to_end.ts";
import { AUDIENCE, newIdentity } from "./harness/client.ts";
import { createDidToken } from "../../../scripts/client/llm_gateway.ts";
import { putDid } from "./harness/did_stub.ts";
import { isInstalled } from "./harness/installed.ts";
import { recipe, recipesIn } from "./harness/recipes.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
const START = "The start of them all";
const HELLO = "Say hello in five languages.";

/** What the SDKs' recipes print, and which calls of OpenRouter's API they make. */
const EXPECTED: Record<string, [printed: string, ...endpoints: string[]]> = {
  "openai": [HELLO, "/chat/completions"],
  "@openrouter/sdk": [HELLO, "/chat/completions"],
  "@openrouter/ai-sdk-provider": [HELLO, "/chat/completions"],
  "AI SDK with @ai-sdk/openai": ["rain and wind", "/chat/completions", "/chat/completions"],
  "AI SDK with @ai-sdk/anthropic": [HELLO, "/messages"],
  "@anthropic-ai/sdk": [HELLO, "/messages"],
  "LangChain with @langchain/openai": [HELLO, "/chat/completions"],
  "LangChain with @langchain/anthropic": [HELLO, "/messages"],
  "@openai/agents": ["rain and wind", "/responses", "/responses"],
  "supabase-js": [HELLO, "/chat/completions"],
};

Deno.test("the SDKs' recipes in docs/clients.md print what the model said, and each call is booked", async () => {
  const { db, gateway, openrouter } = world;
  const titles = recipesIn("ts").filter((title) => title !== START);
  assert.deepEqual(titles, Object.keys(EXPECTED));
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/gateway.ts`, recipe(START, "ts", gateway.url));
    for (const [index, title] of titles.entries()) {
      await Deno.writeTextFile(`${folder}/recipe_${index}.ts`, recipe(title, "ts", gateway.url));
    }
    // All of them in one process, each after a line with its title.
    const main = titles.map((title, index) =>
      `console.log(${JSON.stringify(`## ${title}`)});\nawait import("./recipe_${index}.ts");\n`
    );
    await Deno.writeTextFile(`${folder}/main.ts`, main.join(""));
    const { success, stdout, stderr } = await runToEnd(Deno.execPath(), {
      args: ["run", "-A", "--config", CONFIG, `${folder}/main.ts`],
      cwd: folder,
      env: { NO_COLOR: "1", GATEWAY_AUDIENCE: AUDIENCE, DID_FILE: `${folder}/identity.did.json` },
      stdin: "null",
    });
    assert.ok(success, stdout + stderr);
    const expected = Object.entries(EXPECTED).map(([title, [said]]) => `## ${title}\n${said}\n`);
    assert.equal(stdout, expected.join(""));

    const { did } = JSON.parse(await Deno.readTextFile(`${folder}/identity.did.json`));
    const endpoints = Object.values(EXPECTED).flatMap(([, ...called]) => called);
    const rows = await db.endedRows(did, endpoints.length);
    assert.deepEqual(rows.map((row) => row.endpoint), endpoints);
    assert.ok(rows.every((row) => row.status === "completed"));
    const key = openrouter.keyOf(await db.keyHash(did));
    assert.deepEqual(await db.booked(did), { requests: rows.length, failed: 0, cost: key.usage });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("curl's recipe in docs/clients.md streams what the model said", {
  ignore: Deno.build.os === "windows" || !await isInstalled("curl"),
}, async () => {
  const identity = await newIdentity();
  const folder = await Deno.makeTempDir();
  try {
    await putDid(folder, [await createDidToken(identity, { audience: AUDIENCE })]);
    const { success, stdout, stderr } = await runToEnd("sh", {
      args: ["-ec", recipe("curl", "sh", world.gateway.url)],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}`, GATEWAY_URL: world.gateway.url },
      stdin: "null",
    });
    assert.ok(success, stderr);
    assert.match(stdout, /data: \[DONE\]\n\n$/);
    const [row] = await world.db.endedRows(identity.did, 1);
    assert.equal(row!.status, "completed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
