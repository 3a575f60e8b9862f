/** Puts a run's figures into docs/performance.md, between the markers of their parts. */
import { runChild } from "../../stack/child.ts";
import { PROJECT_ROOT } from "../../stack/data_folder.ts";
import { chart } from "./chart.ts";
import type { Report } from "./report.ts";
import { sectionsOf } from "./sections.ts";

const DOCUMENT = `${PROJECT_ROOT}/docs/performance.md`;
const CHART = `${PROJECT_ROOT}/docs/performance.svg`;
const PICTURE = "![Calls and streams a second, and time to answers, side by side](performance.svg)";

/**
 * A document with a section's text in place of what stands between `<!-- figures: NAME -->` and
 * `<!-- /figures: NAME -->`.
 *
 * @throws {Error} where the document has no such markers
 */
export function withSection(document: string, name: string, text: string): string {
  const [opening, closing] = [`<!-- figures: ${name} -->`, `<!-- /figures: ${name} -->`];
  const start = document.indexOf(opening);
  const end = document.indexOf(closing);
  if (start === -1 || end < start) throw new Error(`the document has no markers "${opening}"`);
  return `${document.slice(0, start + opening.length)}\n\n${text}\n\n${document.slice(end)}`;
}

/** Writes the parts that were measured, and leaves the others as they are. */
export async function writeDocument(report: Report): Promise<void> {
  let document = await Deno.readTextFile(DOCUMENT);
  for (const [part, text] of sectionsOf(report)) {
    document = withSection(document, part, part === "load" ? `${PICTURE}\n\n${text}` : text);
  }
  if (report.load !== undefined) await Deno.writeTextFile(CHART, chart(report.load));
  await Deno.writeTextFile(DOCUMENT, document);
  const { code, output } = await runChild(Deno.execPath(), ["fmt", "-q", DOCUMENT, CHART]);
  if (code !== 0) throw new Error(output);
}
