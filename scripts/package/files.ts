/** What is in the client package. */
import { readFile } from "node:fs/promises";
import { bundle } from "./bundle.ts";
import { declarations } from "./declarations.ts";
import { COMMAND, MANIFEST } from "./manifest.ts";
import { thirdPartyLicenses } from "./third_party_licenses.ts";

export interface PackageFile {
  /** Below the package's folder, with slashes. */
  path: string;
  text: string;
  executable: boolean;
}

const ROOT = new URL("../../", import.meta.url);

/** All files, sorted by their paths. */
export async function packageFiles(): Promise<PackageFile[]> {
  const [{ modules, libraries }, types] = await Promise.all([bundle(), declarations()]);
  const texts: Record<string, string> = {
    "package.json": `${JSON.stringify(MANIFEST, null, 2)}\n`,
    "README.md": await readFile(new URL("README.md", import.meta.url), "utf8"),
    "LICENSE": await readFile(new URL("LICENSE", ROOT), "utf8"),
    "THIRD_PARTY_LICENSES": await thirdPartyLicenses(libraries),
    ...modules,
    ...types,
  };
  return Object.keys(texts).sort().map((path) => ({
    path,
    text: texts[path]!,
    executable: path === COMMAND,
  }));
}
