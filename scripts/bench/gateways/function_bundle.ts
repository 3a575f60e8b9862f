/** The function as one reads it in a deployment: JavaScript, with what is imported lazily in files apart. */
import * as esbuild from "esbuild";
import { join } from "node:path";
import { PROJECT_ROOT } from "../../stack/data_folder.ts";

const FUNCTION = "supabase/functions/openrouter-proxy/";

/** A library of the function, or its own modules. */
export interface Part {
  name: string;
  /** Kilobytes of the modules that are read at the start, and those that are read when needed. */
  startKb: number;
  lazyKb: number;
}

export interface FunctionBundle {
  /** The entry's path: a server on any free port. */
  entry: string;
  parts: Part[];
  /** What the function imports of libraries when it starts, and when needed, e.g. `hono/cors`. */
  imports: { specifier: string; isLazy: boolean }[];
  /** Of all, minified: bytes at the start and all bytes. */
  minifiedKb: { start: number; all: number };
}

const OPTIONS: esbuild.BuildOptions & { metafile: true } = {
  absWorkingDir: PROJECT_ROOT,
  bundle: true,
  splitting: true,
  // Supabase leaves out no part of a module either.
  treeShaking: false,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["node:*"],
  target: "es2022",
  metafile: true,
  logLevel: "silent",
};

/** Bundles the server of a cold start into a folder. */
export async function bundleFunction(folder: string): Promise<FunctionBundle> {
  const entry = "scripts/bench/gateways/cold_server.ts";
  const options = { ...OPTIONS, entryPoints: [entry], outdir: folder };
  try {
    const { metafile: { inputs } } = await esbuild.build(options);
    const minified = await esbuild.build({ ...options, minify: true, write: false });
    const { outputs } = minified.metafile;
    const kb = (paths: Iterable<string>) =>
      [...paths].reduce((sum, path) => sum + outputs[path]!.bytes, 0) / 1000;
    const first = Object.keys(outputs).find((path) => outputs[path]!.entryPoint === entry)!;
    return {
      entry: join(folder, "cold_server.js"),
      ...partsOf(inputs, entry),
      minifiedKb: { start: kb(reached(outputs, first)), all: kb(Object.keys(outputs)) },
    };
  } finally {
    await esbuild.stop();
  }
}

/** A library by itself and whole, as a file of a folder. */
export async function bundleLibrary(specifier: string, folder: string): Promise<string> {
  const name = specifier.replaceAll(/[^a-z0-9]+/gi, "_");
  try {
    await esbuild.build({
      ...OPTIONS,
      stdin: {
        contents: `import * as all from ${JSON.stringify(specifier)}; globalThis.all = all;`,
        resolveDir: join(PROJECT_ROOT, FUNCTION),
        sourcefile: `${name}.js`,
      },
      outfile: join(folder, `${name}.js`),
      splitting: false,
    });
  } finally {
    await esbuild.stop();
  }
  return join(folder, `${name}.js`);
}

interface Graph {
  [path: string]: {
    imports: { path: string; kind: string; original?: string; external?: boolean }[];
  };
}

/** What is read with a module, without what is imported when needed. */
function reached(graph: Graph, from: string, seen = new Set<string>()): Set<string> {
  if (seen.has(from)) return seen;
  seen.add(from);
  for (const { path, kind, external } of graph[from]!.imports) {
    if (kind === "import-statement" && !external) reached(graph, path, seen);
  }
  return seen;
}

function libraryOf(path: string): string | undefined {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

function partsOf(inputs: esbuild.Metafile["inputs"], entry: string) {
  const atStart = reached(inputs, entry);
  const parts = new Map<string, Part>();
  const imports = new Map<string, boolean>();
  for (const [path, { bytes, imports: imported }] of Object.entries(inputs)) {
    const name = libraryOf(path) ?? "its own modules";
    const part = parts.getOrInsert(name, { name, startKb: 0, lazyKb: 0 });
    const isLazy = !atStart.has(path);
    part[isLazy ? "lazyKb" : "startKb"] += bytes / 1000;
    if (libraryOf(path) !== undefined) continue;
    for (const { path: to, original, kind } of imported) {
      if (original === undefined || libraryOf(to) === undefined) continue;
      const early = !isLazy && kind === "import-statement";
      imports.set(original, (imports.get(original) ?? true) && !early);
    }
  }
  return {
    parts: [...parts.values()].sort((a, b) => b.startKb - a.startKb),
    imports: [...imports].map(([specifier, isLazy]) => ({ specifier, isLazy })),
  };
}
