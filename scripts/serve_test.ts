import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { readEnvironmentLines } from "./stack/printed_environment.ts";

const SCRIPT = fileURLToPath(new URL("./serve.ts", import.meta.url));
/** Enough to start with, and few enough to use up. */
const FILE_DESCRIPTORS = 64;

Deno.test("serve goes on when it has run out of file descriptors", async () => {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `ulimit -n ${FILE_DESCRIPTORS} && exec "$@" 2>&1`,
      "sh",
      Deno.execPath(),
      "run",
      "-A",
      SCRIPT,
    ],
    env: {
      PORT: "0",
      NO_COLOR: "1",
      SUPABASE_URL: "http://127.0.0.1:1",
      SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
      OPENROUTER_PROVISIONING_KEY: "sk-or-v1-x",
      API_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    },
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let printed = "";
  async function until(pattern: RegExp): Promise<void> {
    while (!pattern.test(printed)) {
      const { value, done } = await output.next();
      assert.ok(!done, printed);
      printed += value;
    }
  }
  const connections: Deno.Conn[] = [];
  try {
    await until(/^ready/m);
    const { GATEWAY_URL } = readEnvironmentLines(printed);
    const { hostname, port } = new URL(GATEWAY_URL!);
    for (let count = 0; count < 2 * FILE_DESCRIPTORS; count++) {
      const connection = await Deno.connect({ hostname, port: Number(port) }).catch(() => null);
      if (connection !== null) connections.push(connection);
    }
    await until(/connections are refused for a while: .*Too many open files/);
    for (const connection of connections.splice(0)) connection.close();

    // The descriptors are free again when the server has noticed.
    let answer: Response | undefined;
    while (answer === undefined) {
      answer = await fetch(`${GATEWAY_URL}/api/v1/health`).catch(() => undefined);
    }
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  } finally {
    for (const connection of connections) connection.close();
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await output.return?.();
  }
});
