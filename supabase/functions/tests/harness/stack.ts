/** The stack that the tests run on: the one of the environment, or an ephemeral one. */
import { fileURLToPath } from "node:url";
import { readEnvironmentLines } from "../../../../scripts/stack/printed_environment.ts";

export interface TestStack {
  /** SUPABASE_URL. */
  url: string;
  publishableKey: string;
  /** SUPABASE_SECRET_KEYS, JSON. */
  secretKeys: string;
  databaseUrl: string;
  /** Signs the JWTs that the Data API accepts, HS256. */
  jwtSecret: string;
  /** GATEWAY_JWT_KEY. */
  jwtKey: string;
  stop(): Promise<void>;
}

/** What the stack's command prints; scripts/test.ts hands it on. */
const NAMES = [
  "SUPABASE_URL",
  "SUPABASE_PUBLISHABLE_KEY",
  "SUPABASE_SECRET_KEYS",
  "DATABASE_URL",
  "GATEWAY_JWT_SECRET",
  "GATEWAY_JWT_KEY",
];

/** Takes the environment's stack, or starts one, so that a test file can be run alone. */
export async function openStack(): Promise<TestStack> {
  return stackOf((name) => Deno.env.get(name)) ?? await startFreshStack();
}

/**
 * Starts a stack whose database is new, in a process of its own: what a test does to it at full speed
 * does not wait for the test.
 */
export async function startFreshStack(): Promise<TestStack> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileURLToPath(new URL("../../../../scripts/stack.ts", import.meta.url))],
    env: {
      EPHEMERAL: "1",
      PORT: "0",
      DB_PORT: "0",
      // What the test command has made: a new database takes five seconds of work.
      TEMPLATE: Deno.env.get("STACK_TEMPLATE") ?? "",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  let text = "";
  while (!text.includes("\nready")) {
    const { value, done } = await output.next();
    if (done) throw new Error("the stack ended before it was ready");
    text += value;
  }
  const printed = readEnvironmentLines(text);
  return {
    ...stackOf((name) => printed[name])!,
    async stop() {
      child.kill("SIGTERM");
      await child.status;
      await output.return?.();
    },
  };
}

/** The stack that these variables describe; null when one is missing. */
function stackOf(variable: (name: string) => string | undefined): TestStack | null {
  const [url, publishableKey, secretKeys, databaseUrl, jwtSecret, jwtKey] = NAMES.map(variable);
  if (!(url && publishableKey && secretKeys && databaseUrl && jwtSecret && jwtKey)) return null;
  const stop = () => Promise.resolve();
  return { url, publishableKey, secretKeys, databaseUrl, jwtSecret, jwtKey, stop };
}
