/** The gateway as operators run it: processes of `deno task serve` over one stack. */
import { fileURLToPath } from "node:url";

/** One line of the gateway's structured log. */
export type LogLine = Record<string, unknown>;

export interface GatewayProcess {
  /** `http://127.0.0.1:PORT/functions/v1/openrouter-proxy`. */
  url: string;
  pid: number;
  /** The lines logged so far. */
  log: LogLine[];
  /** All that was written to stdout and stderr so far. */
  output(): string;
  /** Ends it with SIGTERM, which lets it finish and book what is running; once it is ending, nothing. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash does. */
  kill(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Starts `count` processes on ports of their own. */
export async function startGateways(
  count: number,
  env: Record<string, string>,
): Promise<GatewayProcess[]> {
  return await Promise.all(Array.from({ length: count }, () => startGateway(env)));
}

async function startGateway(env: Record<string, string>): Promise<GatewayProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/serve.ts"],
    cwd: ROOT,
    env: { ...env, PORT: "0" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log: LogLine[] = [];
  let output = "";
  let url = "";
  let isEnding = false;
  const { promise: ready, resolve } = Promise.withResolvers<void>();

  async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("{")) log.push(JSON.parse(line));
        else if (line.startsWith("GATEWAY_URL=")) url = line.slice("GATEWAY_URL=".length);
        else if (line.startsWith("ready")) resolve();
      }
    }
  }
  const ended = Promise.all([child.status, read(child.stdout), read(child.stderr)]);
  const early = ended.then(([{ code }]) => {
    throw new Error(`the gateway ended with code ${code} before it was ready:\n${output}`);
  });
  await Promise.race([ready, early]);
  early.catch(() => {});

  return {
    url,
    pid: child.pid,
    log,
    output: () => output,
    async stop() {
      if (!isEnding) child.kill("SIGTERM");
      isEnding = true;
      await ended;
    },
    async kill() {
      isEnding = true;
      child.kill("SIGKILL");
      await ended;
    },
  };
}
