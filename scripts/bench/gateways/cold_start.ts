/**
 * What a cold start costs, under the Deno that runs this and under that of Supabase's runtime: from the
 * start of a process to its first answer, of the gateway and of a server that does nothing; and what each
 * library of the function takes to import, and its size. The function is bundled beforehand, as it is in
 * a deployment, and the files are in the system's cache.
 */
import { createIdentity } from "../../client/llm_gateway.ts";
import { runToEnd } from "../../run_to_end.ts";
import { edgeDenoPath } from "../../test/edge_deno.ts";
import { bundleFunction, bundleLibrary, type FunctionBundle } from "./function_bundle.ts";
import { median } from "./median.ts";
import { chatBody } from "./measure.ts";
import { bearer, chatUrlOf, gatewayEnv, startMemoryStore, startUpstream } from "./targets.ts";

export interface ColdStart {
  /** Milliseconds to the first answer. */
  firstAnswers: { deno: string; bareMs: number; gatewayMs: number }[];
  /** Under the Deno of Supabase's runtime, each in a process of its own. */
  imports: { name: string; isLazy: boolean; ms: number }[];
  bundle: Pick<FunctionBundle, "parts" | "minifiedKb">;
}

const BARE = `Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log("PORT=" + port + "\\nready"),
}, () => new Response("ok"));`;

export async function coldStart(rounds: number): Promise<ColdStart> {
  await using running = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "bench-cold-start-" });
  running.defer(() => Deno.remove(folder, { recursive: true }));
  const bundle = await bundleFunction(folder);
  const bare = `${folder}/bare.js`;
  await Deno.writeTextFile(bare, BARE);
  const upstream = running.use(await startUpstream());
  const identity = await createIdentity();
  const caller = await bearer(identity);
  const memory = running.use(await startMemoryStore(identity.did));
  const env = gatewayEnv(upstream.url, memory.dataApi);
  const programs = [Deno.execPath(), await edgeDenoPath()];

  const chat: Ask = (origin) =>
    fetch(chatUrlOf(origin), {
      method: "POST",
      headers: { "content-type": "application/json", ...caller },
      body: chatBody(false),
    });
  const anything: Ask = (origin) => fetch(origin);
  const firstAnswers = [];
  for (const program of programs) {
    console.error(`cold starts: ${program}`);
    const [bareMs, gatewayMs] = await inTurns(rounds, [
      () => firstAnswerMs(program, bare, env, anything),
      () => firstAnswerMs(program, bundle.entry, env, chat),
    ]);
    firstAnswers.push({ deno: await versionOf(program), bareMs: bareMs!, gatewayMs: gatewayMs! });
  }

  const libraries = await bundledLibraries(bundle.imports, folder);
  const own = `${folder}/cold_server.js`;
  const subjects = [
    { name: "the whole function, until it listens", isLazy: false, path: own },
    ...libraries,
  ];
  console.error("imports");
  const times = await inTurns(
    rounds,
    subjects.map(({ path }) => () => importMs(programs[1]!, path, env)),
  );
  return {
    firstAnswers,
    imports: subjects.map(({ name, isLazy }, index) => ({ name, isLazy, ms: times[index]! })),
    bundle: { parts: bundle.parts, minifiedKb: bundle.minifiedKb },
  };
}

/** Medians of what is measured in turns, after a first round for the caches. */
async function inTurns(rounds: number, measures: (() => Promise<number>)[]): Promise<number[]> {
  const values = measures.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, measure] of measures.entries()) {
      const value = await measure();
      if (round > 0) values[index]!.push(value);
    }
  }
  return values.map(median);
}

async function bundledLibraries(imports: FunctionBundle["imports"], folder: string) {
  const libraries = [];
  for (const { specifier, isLazy } of imports) {
    libraries.push({ name: specifier, isLazy, path: await bundleLibrary(specifier, folder) });
  }
  return libraries;
}

/** Asks the server at an origin for its first answer. */
type Ask = (origin: string) => Promise<Response>;

/** @throws {Error} where the answer was none */
async function firstAnswerMs(
  program: string,
  script: string,
  env: Record<string, string>,
  ask: Ask,
): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(program, {
    args: ["run", "-A", "--no-config", "--no-lock", script],
    env,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let text = "";
    while (!/^ready/m.test(text)) {
      const { value, done } = await output.read();
      if (done) throw new Error(`${script} ended before it was ready`);
      text += value;
    }
    const port = /^PORT=(\d+)$/m.exec(text)?.[1];
    const answer = await ask(`http://127.0.0.1:${port}`);
    await answer.text();
    if (!answer.ok) throw new Error(`the first answer is ${answer.status}`);
    return performance.now() - start;
  } finally {
    // Its output stays open until then: a process that cannot log ends.
    child.kill("SIGKILL");
    await output.cancel();
    await child.status;
  }
}

async function importMs(
  program: string,
  path: string,
  env: Record<string, string>,
): Promise<number> {
  const source = `const start = performance.now();
    await import(${JSON.stringify(`file://${path}`)});
    console.log("MS=" + (performance.now() - start));
    Deno.exit();`;
  const { success, stdout, stderr } = await runToEnd(program, {
    args: ["eval", "--no-config", "--no-lock", source],
    env,
  });
  if (!success) throw new Error(`${path} cannot be imported: ${stderr}`);
  return Number(/^MS=(.*)$/m.exec(stdout)![1]);
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await runToEnd(program, { args: ["--version"] });
  return /^deno (\S+)/.exec(stdout)![1]!;
}
