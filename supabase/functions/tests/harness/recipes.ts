/** docs/clients.md, as its readers copy it. */
import { codeBlocks } from "../../../../scripts/docs/code_blocks.ts";

const FILE = new URL("../../../../docs/clients.md", import.meta.url);
/** Where the recipes have the gateway: at `deno task dev`. */
const GATEWAY_URL = "http://127.0.0.1:54321/functions/v1/openrouter-proxy";

const BLOCKS = codeBlocks(await Deno.readTextFile(FILE));

/** The titles of the recipes that have code in this language, in their order. */
export function recipesIn(language: string): string[] {
  return [...new Set(BLOCKS.filter((block) => block.language === language).map((b) => b.title))];
}

/**
 * The code of a recipe for a gateway elsewhere than at `deno task dev`.
 *
 * @throws Error where there is no such recipe, or there are two
 */
export function recipe(title: string, language: string, gatewayUrl: string): string {
  const found = BLOCKS.filter((block) => block.title === title && block.language === language);
  if (found.length !== 1) {
    throw new Error(`docs/clients.md has ${found.length} blocks of ${language} below "${title}"`);
  }
  return found[0]!.code.replaceAll(GATEWAY_URL, gatewayUrl);
}
