import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { createIdentity, signedFetch } from "./client/llm_gateway.ts";
import { runToEnd } from "./run_to_end.ts";
import { signalProcess } from "./stack/child.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";
import { readEnvironmentLines, type Variables } from "./stack/printed_environment.ts";

interface Dev {
  printed: Variables;
  /** What it prints at the end, to paste in another terminal. */
  source: string;
  /** What it prints to send one more request, to paste as well. */
  again: string;
  /** What says of these lines what they are. */
  comments: string[];
  /** Where its database is. */
  folder: string;
  child: Deno.ChildProcess;
}

/** Runs `deno task dev` with a database of its own, in a folder whose name a shell must not read. */
async function withDev(use: (dev: Dev) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "somebody's $(folder) " });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-no-legacy-abort", join(PROJECT_ROOT, "scripts/dev.ts")],
    env: { PORT: "0", DB_PORT: "0", EPHEMERAL: "1", NO_COLOR: "1", TMPDIR: folder },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const [toRead, toDrain] = child.stdout.tee();
  const drained = toDrain.pipeTo(new WritableStream());
  const output = toRead.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let text = "";
  while (!/^\. .*\n/m.test(text)) {
    const { value, done } = await output.next();
    if (done) throw new Error(`dev ended: ${await stderr}`);
    text += value;
  }
  try {
    const source = /^\. .*$/m.exec(text)![0];
    const again = /^# One more:\n(.*)$/m.exec(text)![1]!;
    const comments = text.split("\n").filter((line) => line.startsWith("#"));
    await use({ printed: readEnvironmentLines(text), source, again, comments, folder, child });
  } finally {
    signalProcess(child.pid, "SIGKILL");
    await child.status;
    await Promise.all([output.return?.(), drained, stderr]);
    await Deno.remove(folder, { recursive: true });
  }
}

/** What an operator runs, and what it says; the tasks' own tests look at the rest. */
const TASKS: [string, RegExp][] = [
  ["maintain.ts", /^stale_rows: 0 done/m],
  ["reconcile.ts keys", /^nothing to do$/m],
  ["reconcile.ts costs", /^stale_rows: 0 done/m],
  ["report.ts --days 2 --format csv", /openai\/gpt-4o-mini/],
  ["rotate_keys.ts --check", /^3 accounts are made up and have no key\n0 of 1 keys/m],
  ["doctor.ts", /^\d+ ok, 0 red$|^\d+ ok$/m],
  ["rotate_keys.ts", /^0 keys re-encrypted, 0 unreadable$/m],
];

/** Runs it in a shell that has nothing of the project's but what it sources. */
async function asOperator(
  shell: string,
  { source, folder }: Pick<Dev, "source" | "folder">,
  command: string,
): Promise<string> {
  const { PATH = "", HOME = "", DENO_DIR } = Deno.env.toObject();
  const [script, ...args] = command.split(" ");
  const { code, stdout, stderr } = await runToEnd(shell, {
    args: [
      "-euc",
      `${source}; exec "$@"`,
      shell,
      Deno.execPath(),
      "run",
      "-q",
      "-A",
      join(PROJECT_ROOT, "scripts", script!),
      ...args,
    ],
    cwd: folder, // where the doctor keeps its identity
    clearEnv: true,
    env: { PATH, HOME, NO_COLOR: "1", ...(DENO_DIR === undefined ? {} : { DENO_DIR }) },
  });
  assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
  return stdout;
}

Deno.test("dev tells operators all they need, goes on when connections break, and refuses while it ends", async () => {
  await withDev(async (dev) => {
    const { printed, again, child } = dev;
    const { GATEWAY_URL = "", DATABASE_URL = "" } = printed;
    const call = signedFetch(await createIdentity(), { gatewayUrl: GATEWAY_URL });
    const chat = (faults: Record<string, string> = {}) =>
      call(`${GATEWAY_URL}/api/v1/openrouter/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...faults },
        body: JSON.stringify({
          model: "openai/gpt-4o-mini",
          stream: true,
          messages: [{ role: "user", content: `one two three ${crypto.randomUUID()}` }],
        }),
      });
    async function statusOf(response: Response): Promise<number> {
      const text = await response.text();
      // Whatever it refuses has the contract's shape.
      if (response.status !== 200) assert.equal(JSON.parse(text).error.code, response.status);
      return response.status;
    }

    await asOperator("sh", dev, "seed.ts --dids 3 --days 2 --rows 20");
    assert.equal(await statusOf(await chat()), 200);
    for (const [index, [command, expected]] of TASKS.entries()) {
      assert.match(await asOperator(index % 2 === 0 ? "sh" : "bash", dev, command), expected);
    }

    const { stdout } = await runToEnd("sh", {
      args: ["-c", `npx() { printf '%s\\n' "$@"; }; sh() { cat; }; ${again}`],
    });
    const words = stdout.split("\n");
    assert.equal(words[0], "-y");
    const { did } = JSON.parse(await Deno.readTextFile(words[words.indexOf("--file") + 1]!));
    assert.match(did, /^did:key:/);
    // zsh takes a pasted comment for a command: an apostrophe alone would swallow the lines after it.
    assert.equal(dev.comments.length, 3);
    for (const comment of dev.comments) assert.doesNotMatch(comment, /'/);

    const sql = postgres(DATABASE_URL, { max: 1, onnotice: () => {} });
    let broken = 0;
    let isBreaking = true;
    const breaking = (async () => {
      while (isBreaking) {
        broken += (await sql`
          select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'`)
          .length;
      }
    })();
    for (let count = 0; count < 10; count++) await statusOf(await chat());
    isBreaking = false;
    await breaking;
    await sql.end();
    assert.ok(broken > 0);
    while (await statusOf(await chat()) !== 200);

    // A stream keeps it from its end; what comes meanwhile is refused.
    const open = await chat({ "x-openrouter-simulate": "chunks:9,hang:3" });
    child.kill("SIGTERM");
    let refusal: Response;
    do {
      refusal = await fetch(`${GATEWAY_URL}/api/v1/health`);
      if (refusal.status === 200) await refusal.body?.cancel();
    } while (refusal.status === 200);
    assert.deepEqual([refusal.status, refusal.headers.get("retry-after")], [503, "1"]);
    assert.equal((await refusal.json()).error.type, "overloaded");
    await open.body?.cancel();
    assert.equal((await child.status).code, 0);
  });
});
