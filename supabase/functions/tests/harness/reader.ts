/**
 * Somebody who has this repository, Node and a terminal, and pastes what the documents say: in a copy of
 * the repository, with `deno task dev` running beside it.
 *
 * The commands are real, but for those that reach a hosted project, which are kept to be looked at, and
 * those that other tests run.
 */
import { fileURLToPath } from "node:url";
import type { CodeBlock } from "../../../../scripts/docs/code_blocks.ts";
import { runToEnd } from "../../../../scripts/run_to_end.ts";
import { readEnvironmentLines } from "../../../../scripts/stack/printed_environment.ts";
import { SUPABASE_CLI_VERSION } from "../../../../scripts/stack/supabase_cli.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const STAND_INS = fileURLToPath(new URL("./reader_programs/", import.meta.url));
/** Where the documents have `deno task dev`, and `did proxy`. */
const DEV_URL = "http://127.0.0.1:54321";
const PROXY_URL = "http://127.0.0.1:8484";
/** What the documents show of a database's address. */
const EXAMPLE_DATABASE_URL = /postgres(?:ql)?:\/\/postgres\.[^'"\s]+/g;

/** A block that was pasted, and what it printed on both outputs. */
export interface Pasted {
  block: CodeBlock;
  output: string;
}

export interface Reader {
  /** What `deno task dev` has printed, by name. */
  environment: Record<string, string>;
  /** The copy of the repository. */
  folder: string;
  /**
   * Pastes shell and TypeScript blocks one after the other into one terminal, as somebody without an
   * identity.
   *
   * @throws Error with all that was printed, where one fails
   */
  paste(blocks: CodeBlock[]): Promise<Pasted[]>;
  /** The command lines for a hosted project that were pasted so far: `supabase …`, `task …`. */
  hostedCommands(): Promise<string[]>;
  stop(): Promise<void>;
}

/** @param start the block that starts everything */
export async function startReader(start: CodeBlock): Promise<Reader> {
  const folder = await Deno.makeTempDir();
  await using starting = new AsyncDisposableStack();
  starting.defer(() => Deno.remove(folder, { recursive: true }));
  for await (const { name } of Deno.readDir(ROOT)) {
    if (![".git", ".dev"].includes(name)) await Deno.symlink(`${ROOT}${name}`, `${folder}/${name}`);
  }
  const env: Record<string, string> = {
    NO_COLOR: "1",
    HOME: folder,
    DENO_DIR: await denoDir(),
    npm_config_cache: Deno.env.get("npm_config_cache") ?? `${Deno.env.get("HOME")}/.npm`,
    SUPABASE_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
    PATH: `${STAND_INS}:${Deno.env.get("PATH")}`,
    // What the stand-ins need.
    READER_DENO: Deno.execPath(),
    READER_DENO_VERSION: Deno.version.deno,
    READER_PATH: Deno.env.get("PATH")!,
    READER_SUPABASE_VERSION: SUPABASE_CLI_VERSION,
    READER_HOSTED: `${folder}/hosted_commands`,
  };
  await Deno.writeTextFile(env.READER_HOSTED!, "");

  const dev = await startDev(start, folder, env);
  starting.defer(dev.stop);
  const session = { ...env, ...dev.environment, DID_PROXY_PORT: "0" };

  const running = starting.move();
  return {
    environment: dev.environment,
    folder,
    async paste(blocks) {
      const own = await Deno.makeTempDir({ dir: folder });
      await Deno.writeTextFile(`${own}/script`, await scriptOf(blocks, own, dev.environment));
      const { success, stdout: output } = await runToEnd("sh", {
        args: [`${own}/script`],
        cwd: folder,
        clearEnv: true,
        env: { ...session, DID_FILE: `${own}/identity.did.json` },
        stdin: "null",
      });
      if (!success) throw new Error(output);
      const printed = output.split(/^@@ \d+\n/m).slice(1);
      return blocks.map((block, index) => ({ block, output: printed[index] ?? "" }));
    },
    async hostedCommands() {
      const lines = await Deno.readTextFile(env.READER_HOSTED!);
      return lines.split("\n").filter((line) => line !== "");
    },
    stop: () => running.disposeAsync(),
  };
}

/** One script for all blocks, each after a line with its number. It ends where one fails. */
async function scriptOf(
  blocks: CodeBlock[],
  folder: string,
  environment: Record<string, string>,
): Promise<string> {
  const local = (code: string) =>
    code.replaceAll(DEV_URL, environment.SUPABASE_URL!).replaceAll(PROXY_URL, "$PROXY_URL")
      .replaceAll(EXAMPLE_DATABASE_URL, environment.DATABASE_URL!);
  const lines = ["exec 2>&1", "set -e", "trap '[ -z $PROXY ] || kill $PROXY; wait' EXIT"];
  for (const [index, { language, code }] of blocks.entries()) {
    lines.push(`printf '\\n@@ ${index}\\n'`);
    if (language !== "sh") {
      const file = `${folder}/pasted_${index}.ts`;
      await Deno.writeTextFile(file, local(code));
      lines.push(`"$READER_DENO" run -q -A --no-check '${file}'`);
    } else if (/task did proxy$/.test(code)) {
      lines.push(
        `exec_proxy() { exec ${code}; }`,
        `exec_proxy > '${folder}/proxy.out' 2> '${folder}/proxy.err' < /dev/null & PROXY=$!`,
        `until grep -q 'spends as' '${folder}/proxy.err'; do sleep 0.05; kill -0 $PROXY; done`,
        `PROXY_URL=$(sed -n 's/^export ANTHROPIC_BASE_URL=//p' '${folder}/proxy.out')`,
      );
    } else lines.push(local(code));
  }
  return lines.join("\n") + "\n";
}

/** Starts everything by the block that says so; resolves once it is ready. */
async function startDev(start: CodeBlock, folder: string, env: Record<string, string>) {
  const child = new Deno.Command("sh", {
    args: ["-ec", `exec ${start.code}`],
    cwd: folder,
    clearEnv: true,
    env: { ...env, PORT: "0", DB_PORT: "0", EPHEMERAL: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let [printed, told] = ["", ""];
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  async function read() {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      if (/^ready.*\n/m.test(printed)) resolve();
    }
  }
  async function listen() {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) told += text;
  }
  const ended = Promise.all([child.status, read(), listen()]);
  await Promise.race([
    ready,
    ended.then(() => Promise.reject(new Error(`it ended before it was ready:\n${told}`))),
  ]);
  const environment = readEnvironmentLines(printed);
  return {
    environment,
    async stop() {
      child.kill("SIGINT");
      await ended;
    },
  };
}

/** Deno's cache, which lies in the home folder unless it is told otherwise. */
async function denoDir(): Promise<string> {
  const { stdout } = await runToEnd(Deno.execPath(), { args: ["info", "--json"] });
  return JSON.parse(stdout).denoDir;
}
