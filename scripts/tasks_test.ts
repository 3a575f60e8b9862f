import assert from "node:assert/strict";
import { join } from "node:path";
import { runToEnd } from "./run_to_end.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

const { tasks } = JSON.parse(await Deno.readTextFile(join(PROJECT_ROOT, "deno.json")));

/** Runs a task in an environment that has nothing of the project's, and tells whether it left files. */
async function run(task: string, ...args: string[]) {
  const temporary = await Deno.makeTempDir();
  const { DENO_DIR = "", HOME = "", PATH = "" } = Deno.env.toObject();
  try {
    const { code, stdout, stderr } = await runToEnd(Deno.execPath(), {
      args: ["task", "-q", task, ...args],
      cwd: PROJECT_ROOT,
      clearEnv: true,
      env: { NO_COLOR: "1", TMPDIR: temporary, HOME, PATH, ...(DENO_DIR ? { DENO_DIR } : {}) },
      stdin: "null",
    });
    const left = await Array.fromAsync(Deno.readDir(temporary), ({ name }) => name);
    return { code, out: stdout, err: stderr, left };
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

Deno.test("deno task bench names the benches to who asks for none of them", async () => {
  const { code, out, err } = await run("bench", "nosuch");
  assert.deepEqual([code, out], [2, ""]);
  assert.equal(
    err,
    'error: there is no bench "nosuch"; there are: auth, gateways, limits, stranger, usage\n',
  );
});

for (const args of [["did", "--help"], ["seed", "--print"]]) {
  Deno.test(`whoever stops reading deno task ${args.join(" ")} hears of no failure`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["task", "-q", ...args],
      cwd: PROJECT_ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await child.stdout.cancel();
    const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

for (const task of Object.keys(tasks)) {
  Deno.test(`deno task ${task} helps, and refuses what it does not know`, async () => {
    const [help, refusal] = await Promise.all([run(task, "--help"), run(task, "--no-such-option")]);

    assert.match(help.out, /^Usage: /m);
    assert.deepEqual({ ...help, out: "" }, { code: 0, out: "", err: "", left: [] });

    assert.match(refusal.err, /^error: .*(unknown option|unexpected argument) '--no-such-option'/m);
    assert.notEqual(refusal.code, 0);
    assert.deepEqual([refusal.out, refusal.left], ["", []]);
  });
}
