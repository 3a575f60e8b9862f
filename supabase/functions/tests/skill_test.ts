/** SKILL.md, as an agent follows it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { codeBlocks } from "../../../scripts/docs/code_blocks.ts";
import { runToEnd } from "../../../scripts/run_to_end.ts";
import { STATUS } from "../openrouter-proxy/errors.ts";
import { AUDIENCE } from "./harness/client.ts";
import { isInstalled } from "./harness/installed.ts";
import { useWorld } from "./harness/world.ts";

const world = useWorld();
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SKILL = await Deno.readTextFile(`${ROOT}SKILL.md`);
const BLOCKS = codeBlocks(SKILL.replace(/^---\n.*?\n---\n/s, ""));
const COMMANDS = BLOCKS.filter(({ language }) => language === "sh");

/** Runs commands as one shell, with an identity that is kept in `folder`. */
async function run(commands: string[], cwd: string, folder: string): Promise<string> {
  // The very Deno that runs this test, which the document fetches by npx.
  const script = commands.join("\n")
    .replaceAll(/npx -y deno@[0-9.]+/g, `'${Deno.execPath()}'`);
  const { success, stdout, stderr } = await runToEnd("sh", {
    args: ["-ec", script],
    cwd,
    env: {
      NO_COLOR: "1",
      DID_FILE: `${folder}/identity.did.json`,
      GATEWAY_URL: world.gateway.url,
      GATEWAY_AUDIENCE: AUDIENCE,
    },
    stdin: "null",
  });
  assert.ok(success, stderr);
  return stdout;
}

const [withNode, withDid, ...calls] = COMMANDS.map(({ code }) => code);
for (
  const { how, identity, program } of [
    { how: "with Node alone", identity: withNode!, program: "node" },
    { how: "with the command did", identity: withDid!, program: "sh" },
  ]
) {
  Deno.test(`what SKILL.md says makes a DID ${how}, calls, and reads limits, usage and requests`, {
    ignore: Deno.build.os === "windows" || !await isInstalled("curl") ||
      (program === "node" && !await isInstalled("node")),
  }, async () => {
    assert.deepEqual([BLOCKS.length, calls.length], [COMMANDS.length, 2]);
    const folder = await Deno.makeTempDir();
    try {
      const inFolder = program === "node" ? folder : ROOT;
      const output = await run([identity, ...calls], inFolder, folder);
      assert.match(output, /"content":"Say hello\."/);
      const did = /"did":"(did:[^"]+)"/.exec(output)![1]!;
      const [row, ...more] = await world.db.endedRows(did, 1);
      assert.equal(row!.status, "completed");
      assert.deepEqual(more, []);
      for (const told of ['"budgets":', '"groups":', '"label":"task-1"', '"next_cursor":']) {
        assert.ok(output.includes(told), told);
      }
      // The next token is the same DID's, and the same call is not made twice.
      assert.match(
        await run([identity.replace(/.*did new\n/, ""), ...calls], inFolder, folder),
        new RegExp(`"duplicate_request".*"did":"${did}"`, "s"),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("SKILL.md has the front matter that Agent Skills ask for", () => {
  const [, front = ""] = /^---\n(.*?)\n---\n/s.exec(SKILL) ?? [];
  const members = new Map(
    front.split("\n").map((line) => /^([a-z-]+): (\S.*)$/.exec(line)!.slice(1) as [string, string]),
  );
  // A value with ": " or " #" in it would have to be quoted.
  for (const value of members.values()) assert.doesNotMatch(value, /: | #|^["'[{&*!|>%@`]/);
  assert.match(members.get("name")!, /^(?=.{1,64}$)[a-z0-9]+(?:-[a-z0-9]+)*$/);
  assert.ok(members.get("description")!.length <= 1024);
  assert.ok(members.get("compatibility")!.length <= 500);
  assert.ok(SKILL.split("\n").length < 500);
});

Deno.test("SKILL.md says what to do about every error of the gateway", () => {
  const rows = [...SKILL.matchAll(/^\| ([\d, ]+?) +\| (.*?) +\|/gm)]
    .map(([, statuses, types]) => ({ statuses: statuses!.split(", "), types: types! }));
  assert.ok(rows.length > 10);
  for (const [type, status] of Object.entries(STATUS)) {
    const ofStatus = rows.filter(({ statuses }) => statuses.includes(String(status)));
    assert.ok(
      ofStatus.some(({ types }) => types.includes(`\`${type}\``) || types.startsWith("any")),
      type,
    );
  }
});
