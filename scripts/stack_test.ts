import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readEnvironmentLines } from "./stack/printed_environment.ts";

const SCRIPT = fileURLToPath(new URL("./stack.ts", import.meta.url));

interface StackCommand {
  child: Deno.ChildProcess;
  /** Reads stdout and stderr, mixed, up to the first line that starts so; all lines until then. */
  until(start: string): Promise<string[]>;
  /** PostgreSQL's own file, which it removes when it has ended. */
  postmasterFile(): Promise<string>;
}

/** Runs the command with a temporary folder of its own, where its database goes. */
async function withStackCommand(
  use: (command: StackCommand, temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = await Deno.makeTempDir();
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" 2>&1', "sh", Deno.execPath(), "run", "-A", SCRIPT],
    env: { PORT: "0", DB_PORT: "0", EPHEMERAL: "1", TMPDIR: temporary },
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let read = "";
  const command: StackCommand = {
    child,
    async until(start) {
      while (true) {
        const lines = read.split("\n").slice(0, -1);
        if (lines.some((line) => line.startsWith(start))) return lines;
        const { value, done } = await output.next();
        if (done) throw new Error(`the command ended:\n${read}`);
        read += value;
      }
    },
    async postmasterFile() {
      const [folder] = await namesIn(temporary);
      return join(temporary, folder ?? "", "postgres", "postmaster.pid");
    },
  };
  try {
    await use(command, temporary);
  } finally {
    await output.return?.();
    await Deno.remove(temporary, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

Deno.test("stack prints what its clients need, and ends with nothing left", async () => {
  await withStackCommand(async ({ child, until }, temporary) => {
    const lines = await until("ready");
    const variables = readEnvironmentLines(lines.join("\n"));
    const { default: secretKey } = JSON.parse(variables.SUPABASE_SECRET_KEYS ?? "{}");
    assert.match(secretKey, /^sb_secret_/);
    assert.match(variables.SUPABASE_PUBLISHABLE_KEY ?? "", /^sb_publishable_/);
    assert.match(variables.DATABASE_URL ?? "", /^postgres:\/\/postgres:/);
    const response = await fetch(`${variables.SUPABASE_URL}/rest/v1/nothing`, {
      headers: { apikey: secretKey },
    });
    assert.equal((await response.json()).code, "PGRST205");

    child.kill("SIGINT");
    assert.equal((await child.status).code, 0);
    assert.deepEqual(await namesIn(temporary), []);
  });
});

for (const moment of ["making a PostgreSQL", "starting PostgreSQL", "applying"]) {
  Deno.test(`stack ends with nothing left when it is stopped while ${moment}`, async () => {
    await withStackCommand(async ({ child, until }, temporary) => {
      await until(moment);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);
      assert.deepEqual(await namesIn(temporary), []);
    });
  });
}

Deno.test("PostgreSQL ends when the stack is killed", async () => {
  await withStackCommand(async ({ child, until, postmasterFile }) => {
    await until("ready");
    const file = await postmasterFile();
    assert.equal(await exists(file), true);
    child.kill("SIGKILL");
    await child.status;
    while (await exists(file)) await sleep(5);
  });
});
