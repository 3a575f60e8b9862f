/** The gateway as operators run it: processes of `deno task serve` over one stack. */
import { fileURLToPath } from "node:url";
import {
  EDGE_DENO_ENV,
  EDGE_DENO_OPTIONS,
  edgeDenoPath,
} from "../../../../scripts/test/edge_deno.ts";

/** One line of the gateway's structured log. */
export type LogLine = Record<string, unknown>;

export interface GatewayProcess {
  /** `http://127.0.0.1:PORT/functions/v1/openrouter-proxy`. */
  url: string;
  pid: number;
  /** Where it tells its memory (measured_gateway.ts); empty unless it is measured. */
  memoryUrl: string;
  /** The lines logged so far. */
  log: LogLine[];
  /** All that was written to stdout and stderr so far. */
  output(): string;
  /** Ends it with SIGTERM, which lets it finish and book what is running; once it is ending, nothing. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash does. */
  kill(): Promise<void>;
}

export interface GatewayOptions {
  /**
   * Under the Deno that Supabase's Edge Runtime is built on, with the heap that Supabase allows
   * (edge-runtime's `heap_limits`), instead of the Deno that runs the test. So are all gateways where
   * GATEWAY_ON_EDGE_DENO is set.
   */
  edge?: boolean;
  /** In a process that tells its memory. */
  measured?: boolean;
  /** What serves, in place of scripts/serve.ts or, measured, of measured_gateway.ts; from the root. */
  script?: string;
}

const EDGE_HEAP_MB = 256;
const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Starts `count` processes on ports of their own. */
export async function startGateways(
  count: number,
  env: Record<string, string>,
  {
    edge = Deno.env.has("GATEWAY_ON_EDGE_DENO"),
    measured = false,
    script = measured ? "supabase/functions/tests/harness/measured_gateway.ts" : "scripts/serve.ts",
  }: GatewayOptions = {},
): Promise<GatewayProcess[]> {
  const v8Flags: string[] = [];
  if (edge) v8Flags.push(`--max-heap-size=${EDGE_HEAP_MB}`);
  if (measured) v8Flags.push("--expose-gc");
  const runtime: Runtime = {
    program: edge ? await edgeDenoPath() : Deno.execPath(),
    args: [
      ...(edge ? EDGE_DENO_OPTIONS : []),
      ...(v8Flags.length > 0 ? [`--v8-flags=${v8Flags.join(",")}`] : []),
      script,
    ],
    env: edge ? EDGE_DENO_ENV : {},
  };
  return await Promise.all(Array.from({ length: count }, () => startGateway(runtime, env)));
}

interface Runtime {
  program: string;
  /** What follows `deno run -A`. */
  args: string[];
  env: Record<string, string>;
}

async function startGateway(
  runtime: Runtime,
  env: Record<string, string>,
): Promise<GatewayProcess> {
  const child = new Deno.Command(runtime.program, {
    args: ["run", "-A", ...runtime.args],
    cwd: ROOT,
    env: { ...runtime.env, ...env, PORT: "0" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log: LogLine[] = [];
  let output = "";
  let url = "";
  let memoryUrl = "";
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
        else if (line.startsWith("MEMORY_URL=")) memoryUrl = line.slice("MEMORY_URL=".length);
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
    memoryUrl,
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
