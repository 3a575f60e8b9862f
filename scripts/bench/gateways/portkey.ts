/** Portkey's gateway, from npm at a pinned version, in a folder that is thrown away. */
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../stack/ports.ts";

const PACKAGE = {
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  // Newer ones do not start with it.
  overrides: { "@hono/node-server": "1.13.5", hono: "4.9.7" },
};
const SERVER = "node_modules/@portkey-ai/gateway/build/start-server.js";

/** Starts it on loopback; it forwards to `upstreamUrl` whatever it is sent. */
export async function startPortkey(upstreamUrl: string) {
  const folder = await Deno.makeTempDir({ prefix: "bench-portkey-" });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(PACKAGE));
  const install = await new Deno.Command("npm", {
    args: ["install", "--no-audit", "--no-fund", "--ignore-scripts"],
    cwd: folder,
  }).output();
  if (!install.success) throw new Error(new TextDecoder().decode(install.stderr));
  const port = freePort(0, "port");
  const server = new Deno.Command("node", {
    args: [SERVER, "--headless", `--port=${port}`],
    cwd: folder,
    env: { NODE_ENV: "production" },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(url);
  return {
    pid: server.pid,
    url: `${url}/v1`,
    headers: { "x-portkey-provider": "openai", "x-portkey-custom-host": upstreamUrl },
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function untilItAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new Error(`nothing answers at ${url}`);
}
