/** The function's own bill of materials, from what this checkout has locked and installed. */
import { join } from "node:path";
import { VERSION } from "../../supabase/functions/openrouter-proxy/version.ts";
import { PROJECT_ROOT } from "../stack/data_folder.ts";
import { billOfMaterials } from "./bill_of_materials.ts";
import type { LockFile, PackageId } from "./lock_file.ts";

/** The function's folder, as deno.lock names it. */
export const FUNCTION = "supabase/functions/openrouter-proxy";

/** Where the bill is kept, below the project's root. */
export const SBOM_FILE = "docs/sbom.cdx.json";

export async function readLockFile(): Promise<LockFile> {
  return JSON.parse(await Deno.readTextFile(join(PROJECT_ROOT, "deno.lock")));
}

/** @returns JSON, ended by a line break */
export async function functionBillOfMaterials(): Promise<string> {
  const product = {
    name: "openrouter-proxy",
    version: VERSION,
    description: "LLM gateway for DIDs in front of OpenRouter: a Supabase Edge Function",
    license: "MIT",
  };
  return await billOfMaterials(await readLockFile(), FUNCTION, product, installedLicense);
}

/** What the package says of itself, where Deno has installed it. */
async function installedLicense({ key, name }: PackageId): Promise<string> {
  const folder = join("node_modules/.deno", key.replaceAll("/", "+"), "node_modules", name);
  const manifest = await Deno.readTextFile(join(PROJECT_ROOT, folder, "package.json"));
  const { license } = JSON.parse(manifest);
  if (typeof license !== "string") throw new Error(`${key} does not name its licence`);
  return license;
}
