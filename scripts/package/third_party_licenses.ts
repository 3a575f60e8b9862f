/** The licences of what is bundled, which their terms want to go along. */
import { readdir, readFile } from "node:fs/promises";

const ROOT = new URL("../../", import.meta.url);

/**
 * @param libraries their folders below the project's root
 * @throws {Error} when one has no file of that name
 */
export async function thirdPartyLicenses(libraries: readonly string[]): Promise<string> {
  const sections = await Promise.all(libraries.map(async (folder) => {
    const { name, version } = JSON.parse(
      await readFile(new URL(`${folder}/package.json`, ROOT), "utf8"),
    );
    const files = await readdir(new URL(folder, ROOT));
    const file = files.find((file) => /^licen[cs]e(?:\.\w+)?$/i.test(file));
    if (file === undefined) throw new Error(`${folder} has no file with its licence`);
    const license = await readFile(new URL(`${folder}/${file}`, ROOT), "utf8");
    return `${name} ${version}\n\n${license.trim()}\n`;
  }));
  return sections.join(`\n${"-".repeat(72)}\n\n`);
}
