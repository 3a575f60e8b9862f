/** The package's JavaScript: ES modules that need nothing but their runtime. */
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { COMMAND, ENTRY_POINTS } from "./manifest.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Bundle {
  /** Paths in the package → texts. */
  modules: Record<string, string>;
  /** The folders below the project's root of the libraries that went into it. */
  libraries: string[];
}

/** Bundles the entry points and the command; what is imported lazily stays a module of its own. */
export async function bundle(): Promise<Bundle> {
  try {
    const { outputFiles, metafile } = await esbuild.build({
      absWorkingDir: ROOT,
      entryPoints: Object.fromEntries(
        Object.entries({ ...ENTRY_POINTS, did: "did.ts" })
          .map(([name, source]) => [name, `scripts/${source}`]),
      ),
      outdir: "dist",
      bundle: true,
      splitting: true,
      chunkNames: "[name]-[hash]",
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      external: ["node:*"],
      target: "es2022",
      metafile: true,
      write: false,
      logLevel: "silent",
    });
    const modules = Object.fromEntries(outputFiles.map(({ path, text }) => [relative(path), text]));
    const libraries = Object.keys(metafile.inputs)
      .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
      .filter((folder) => folder !== undefined);
    return {
      modules: { ...modules, [COMMAND]: `#!/usr/bin/env node\n${modules[COMMAND]}` },
      libraries: [...new Set(libraries)].sort(),
    };
  } finally {
    await esbuild.stop();
  }
}

function relative(path: string): string {
  return path.slice(ROOT.length).replaceAll("\\", "/");
}
