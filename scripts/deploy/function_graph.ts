/** What a deployment of the function uploads, and what the platform bundles of it. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { runChild } from "../stack/child.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";

export interface FunctionGraph {
  /** What would not work, or not the same way tomorrow, where it is deployed. */
  problems: string[];
  /** The function's own files, and their bytes. */
  files: number;
  sourceBytes: number;
  /** `name@version` of the npm packages, those that others need included. */
  packages: string[];
  /** All files of those packages and the function's own, compressed as a bundle is. */
  bundleBytes: number;
}

const FOLDER = join(PROJECT_ROOT, "supabase", "functions", "openrouter-proxy");
/** Of a function that Supabase bundles itself (`--use-api`). */
export const MAX_BUNDLE_BYTES = 5_000_000;

/** What `deno info --json` tells. */
interface Info {
  modules: {
    specifier: string;
    kind?: string;
    local?: string;
    npmPackage?: string;
    error?: string;
  }[];
  npmPackages: Record<
    string,
    { name: string; version: string; dependencies: string[]; localPath: string }
  >;
}

/** Reads the graph of the function's modules. @throws {Error} where Deno cannot read it */
export async function functionGraph(): Promise<FunctionGraph> {
  const { code, stdout, output } = await runChild(
    Deno.execPath(),
    ["info", "--json", join(FOLDER, "index.ts")],
    { cwd: PROJECT_ROOT, env: { NO_COLOR: "1" } },
  );
  if (code !== 0) throw new Error(`the function's modules cannot be read:\n${output.trim()}`);
  const info = JSON.parse(stdout) as Info;
  const { imports } = JSON.parse(await Deno.readTextFile(join(FOLDER, "deno.json")));
  const problems = [...graphProblems(info.modules, pathToFileURL(FOLDER).href, imports)];
  const files = info.modules.flatMap(({ specifier }) =>
    specifier.startsWith("file:") ? [fileURLToPath(specifier)] : []
  );
  const packages = packagesOf(info);
  const sources = await Promise.all(files.map((file) => Deno.readFile(file)));
  const dependencies = await Promise.all(
    packages.map((name) => filesBelow(info.npmPackages[name]!.localPath)),
  );
  const bundleBytes = gzipSync(Buffer.concat([...sources, ...dependencies.flat()])).length;
  if (bundleBytes > MAX_BUNDLE_BYTES) {
    problems.push(`its bundle has ${bundleBytes} bytes, and ${MAX_BUNDLE_BYTES} are allowed`);
  }
  return {
    problems,
    files: files.length,
    sourceBytes: sources.reduce((sum, { length }) => sum + length, 0),
    packages: packages.map((key) => {
      const { name, version } = info.npmPackages[key]!;
      return `${name}@${version}`;
    }),
    bundleBytes,
  };
}

/**
 * What keeps a function from being deployed alone, or lets it be another one tomorrow.
 *
 * @param folder the function's, as a URL
 * @param imports of its deno.json
 */
export function* graphProblems(
  modules: readonly { specifier: string; error?: string }[],
  folder: string,
  imports: Record<string, string>,
): Generator<string> {
  for (const { specifier, error } of modules) {
    if (error !== undefined) yield `${specifier}: ${error}`;
    else if (specifier.startsWith("file:")) {
      if (!specifier.startsWith(`${folder}/`)) {
        yield `${specifier} is outside the function's folder`;
      }
    } else if (!/^(?:npm|node):/.test(specifier)) yield `${specifier} comes from the network`;
  }
  for (const [name, target] of Object.entries(imports)) {
    if (!/^npm:(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(target)) {
      yield `${name} is not pinned to a version: ${target}`;
    }
  }
}

/** The packages that the modules import, and those that these need. */
function packagesOf({ modules, npmPackages }: Info): string[] {
  const found = new Set<string>();
  const waiting = modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const known = npmPackages[name];
    if (found.has(name) || known === undefined) continue;
    found.add(name);
    waiting.push(...known.dependencies);
  }
  return [...found].sort();
}

async function filesBelow(folder: string): Promise<Uint8Array[]> {
  const files: Uint8Array[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isFile) files.push(await Deno.readFile(path));
    else if (isDirectory && name !== "node_modules") files.push(...await filesBelow(path));
  }
  return files;
}
