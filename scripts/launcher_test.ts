import assert from "node:assert/strict";
import { join } from "node:path";
import { openIdentity } from "./identity/mod.ts";
import { didCommands } from "./proxy/testing.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

/** As npx runs it: a shell of its own below what a signal reaches. */
const UNDER_NPX = `sh -c '"$@"; exit' sh "$@"; exit`;

/** Runs a command as npx does, ends npx alone once the command has said this, and waits for its end. */
async function endsWithNpx(
  command: string[],
  said: RegExp,
  env: Record<string, string>,
): Promise<void> {
  const npx = new Deno.Command("sh", {
    args: ["-c", `exec 2>&1; ${UNDER_NPX}`, "sh", ...command],
    env: { NO_COLOR: "1", npm_command: "exec", ...env },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let text = "";
  let isEnded = false;
  // The pipe closes when the last of them has ended.
  for await (const piece of npx.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (isEnded || !said.test(text)) continue;
    isEnded = true;
    npx.kill("SIGTERM");
  }
  await npx.status;
  assert.ok(isEnded, text);
}

Deno.test({
  name: "did proxy ends with npx, in Deno and in Node",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const env = {
        DID_FILE: `${folder}/identity.did.json`,
        GATEWAY_URL: "http://127.0.0.1:9999/f",
      };
      await openIdentity(env.DID_FILE);
      for (const { command } of await didCommands(folder)) {
        await endsWithNpx([...command, "proxy", "--port", "0"], / spends as /, env);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "maintain --every ends with npx",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using gateway = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => Response.json({ data: { ran: false, jobs: {}, drifts: [] } }),
    );
    const script = join(PROJECT_ROOT, "scripts/maintain.ts");
    await endsWithNpx(
      [Deno.execPath(), "run", "-q", "-A", script, "--every", "24h"],
      /^another maintenance is running$/m,
      {
        GATEWAY_URL: `http://127.0.0.1:${gateway.addr.port}`,
        SUPABASE_SECRET_KEYS: "sb_secret_x",
        DATABASE_URL: "",
      },
    );
  },
});
