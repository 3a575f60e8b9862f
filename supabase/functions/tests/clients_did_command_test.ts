import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../../../scripts/run_to_end.ts";
import { AUDIENCE, CHAT, chat } from "./harness/client.ts";
import { isInstalled } from "./harness/installed.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Runs a program in the project's folder to its end; gives its standard output. */
async function run(program: string, args: string[], env: Record<string, string>): Promise<string> {
  const { success, stdout, stderr } = await runToEnd(program, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  });
  assert.ok(success, stderr);
  return stdout;
}

interface Person {
  did: string;
  /** `deno task did …`, as this person; gives what it prints. */
  command(...args: string[]): Promise<string>;
}

/** A person who has just run `deno task did new`. */
async function withPerson(type: string, test: (person: Person) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const env = {
    DID_FILE: `${folder}/identity.did.json`,
    GATEWAY_URL: world.gateway.url,
    GATEWAY_AUDIENCE: AUDIENCE,
  };
  const command = (...args: string[]) => run(Deno.execPath(), ["task", "-q", "did", ...args], env);
  try {
    const did = (await command("new", "--type", type)).trim();
    await test({ did, command });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function assertCompleted(did: string, streaming: boolean) {
  const [row] = await world.db.endedRows(did, 1);
  assert.equal(row?.status, "completed");
  assert.equal(row?.streaming, streaming);
}

/** Knows nothing of gateways or DIDs: the openai package reads its environment. */
const OPENAI_PROGRAM = `
import OpenAI from "openai";
const answer = await new OpenAI().chat.completions.create({
  model: "openai/gpt-4o-mini",
  messages: [{ role: "user", content: "one two three" }],
});
console.log(answer.choices[0].message.content);
`;

Deno.test("what did token prints is all that a program with the openai package needs", async () => {
  await withPerson("ed25519", async ({ did, command }) => {
    const answer = await run(Deno.execPath(), ["eval", OPENAI_PROGRAM], {
      OPENAI_API_KEY: (await command("token")).trimEnd(),
      OPENAI_BASE_URL: `${world.gateway.url}/api/v1/openrouter`,
    });
    assert.equal(answer, "one two three\n");
    await assertCompleted(did, false);
  });
});

Deno.test({
  name: "what did curl prints streams an answer when a shell runs it",
  ignore: Deno.build.os === "windows" || !await isInstalled("curl"),
  fn: async () => {
    await withPerson("p256", async ({ did, command }) => {
      const body = chat('it\'s $HOME, \\ and "世界"', { stream: true });
      const printed = await command("curl", "POST", CHAT, body, "--stream");
      const stream = await run("sh", ["-c", printed], {});
      assert.match(stream, /data: \[DONE\]\n\n$/);
      assert.equal(
        stream,
        await world.openrouter.answerWithoutGateway("/chat/completions", body, "", stream),
      );
      await assertCompleted(did, true);
    });
  },
});

for (const type of ["secp256k1", "pkh"]) {
  Deno.test(`what did sign prints for ${type} are the headers of a request, which is good once`, async () => {
    await withPerson(type, async ({ did, command }) => {
      const body = chat("hello");
      const headers = JSON.parse(await command("sign", "POST", CHAT, body, "--json"));
      const send = () => fetch(world.gateway.url + CHAT, { method: "POST", headers, body });

      const answer = await (await send()).json();
      assert.equal(answer.choices[0].message.content, "hello");
      assert.equal((await (await send()).json()).error.type, "replayed_request");
      await assertCompleted(did, false);
    });
  });
}
