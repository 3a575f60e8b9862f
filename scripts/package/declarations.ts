/** The package's type declarations, made by tsc. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { runToEnd } from "../run_to_end.ts";
import { ENTRY_POINTS } from "./manifest.ts";

const SCRIPTS = fileURLToPath(new URL("../", import.meta.url));

const OPTIONS = [
  "--strict",
  "--declaration",
  "--emitDeclarationOnly",
  "--rewriteRelativeImportExtensions",
  ..."--target es2022 --module esnext --moduleResolution bundler --lib es2022,dom".split(" "),
];

/**
 * Paths in the package → texts.
 *
 * @throws {Error} with tsc's words; also when the main module needs more than the Web platform
 */
export async function declarations(): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "declarations-"));
  try {
    const into = ["--rootDir", SCRIPTS, "--outDir", folder];
    await tsc([...OPTIONS, ...into, SCRIPTS + ENTRY_POINTS.index]);
    // Node's own types are not there: Deno has checked what these modules do with them.
    await tsc([...OPTIONS, "--noCheck", ...into, SCRIPTS + ENTRY_POINTS.node]);
    const declared = (await readdir(folder, { recursive: true }))
      .filter((path) => path.endsWith(".d.ts"));
    return Object.fromEntries(
      await Promise.all(declared.map(async (path) => [
        `dist/types/${path.replaceAll("\\", "/")}`,
        await readFile(join(folder, path), "utf8"),
      ])),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function tsc(args: string[]): Promise<void> {
  const { success, stdout } = await runToEnd(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `${config.imports.typescript}/tsc`, ...args],
    cwd: SCRIPTS,
  });
  if (!success) throw new Error(`tsc failed:\n${stdout}`);
}
