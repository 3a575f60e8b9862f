import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AUDIENCE } from "./harness/client.ts";
import { isInstalled } from "./harness/installed.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const README = await Deno.readTextFile(`${ROOT}README.md`);

/** The code blocks of a language, in their order. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))]
    .map(([, code]) => code!);
}

/** Runs a program in the project's folder, as a reader whose identity is in `folder`. */
async function run(program: string, args: string[], folder: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    env: {
      NO_COLOR: "1",
      DID_FILE: `${folder}/identity.did.json`,
      GATEWAY_URL: world.gateway.url,
      GATEWAY_AUDIENCE: AUDIENCE,
    },
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the README's commands make an identity, stream an answer and show its cost", {
  ignore: Deno.build.os === "windows" || !await isInstalled("curl"),
}, async () => {
  await inFolder(async (folder) => {
    const ask = blocks("sh").find((code) => code.includes("did curl --stream"))!;
    const usage = blocks("sh").find((code) => code.includes("/api/v1/usage"))!;
    // The very Deno that runs this test, which the README fetches by npx.
    const withThisDeno = (code: string) =>
      code.replaceAll(/npx -y deno@[0-9.]+/g, `'${Deno.execPath()}'`);
    const answer = await run("sh", ["-ec", withThisDeno(ask)], folder);
    const did = /^did:key:z\S+$/m.exec(answer)![0];
    assert.match(answer, /^data: \[DONE\]$/m);

    const [row] = await world.db.endedRows(did, 1);
    assert.equal(row!.status, "completed");
    const report = await run("sh", ["-ec", withThisDeno(usage)], folder);
    assert.match(report, new RegExp(`"total_cost":${row!.total_cost!.replace(".", "\\.")},`));
  });
});

Deno.test("the README's client is scripts/client/openai_example.ts, and streams an answer", async () => {
  const file = `${ROOT}scripts/client/openai_example.ts`;
  const code = await Deno.readTextFile(file);
  assert.ok(blocks("ts").includes(code));
  assert.ok(code.trimEnd().split("\n").length <= 30);
  await inFolder(async (folder) => {
    assert.match(await run(Deno.execPath(), ["run", "-A", file, "one two"], folder), /one two/);
  });
});

Deno.test("the README and .env.example name the variables that the function reads, and no others", async () => {
  const functions = `${ROOT}supabase/functions/`;
  const source = await Deno.readTextFile(`${functions}openrouter-proxy/config.ts`);
  const example = await Deno.readTextFile(`${functions}.env.example`);
  const section = README.slice(
    README.indexOf("\n## Environment"),
    README.indexOf("\n## Look after"),
  );
  const names = (text: string, pattern: RegExp) =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))].sort();

  const read = names(source, /\("([A-Z][A-Z_]{3,})"/g);
  assert.ok(read.length > 10);
  assert.deepEqual(names(example, /^#? ?([A-Z][A-Z_]{3,})=/gm), read);
  assert.deepEqual(names(section, /`([A-Z][A-Z_]{3,})`/g), read);
});

Deno.test("the README explains every error type of the gateway", async () => {
  const source = await Deno.readTextFile(
    `${ROOT}supabase/functions/openrouter-proxy/errors.ts`,
  );
  const types = [...source.matchAll(/^ {2}([a-z_]+): [45][0-9]{2},$/gm)].map(([, type]) => type!);
  assert.ok(types.length > 10);
  for (const type of types) assert.ok(README.includes(`\`${type}\``), `${type} is not explained`);
});

Deno.test("the README's SQL runs as it stands", async () => {
  const recipes = blocks("sql").map((code) =>
    code.replaceAll("did:key:z6Mk…", "did:key:z6MkReader")
  );
  assert.ok(recipes.length >= 3);
  for (const recipe of recipes) {
    const undone = new Error("undone");
    const running = world.db.sql.begin(async (sql) => {
      await sql.unsafe(recipe);
      throw undone;
    });
    await assert.rejects(running, undone, recipe);
  }
});
