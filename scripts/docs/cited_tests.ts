/** The tests that a document names: a link to a file of tests, then their names in quotation marks. */
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString } from "mdast-util-to-string";

export interface CitedTests {
  /** The file, as the link has it. */
  file: string;
  names: string[];
  /** Of the link, from 1. */
  line: number;
}

type Node = ReturnType<typeof fromMarkdown> | ReturnType<typeof fromMarkdown>["children"][number];

const TEST_FILE = /(?:_test\.ts|\.test\.sql)$/;

/** Every link to a file of tests, with the names up to the next one, in the document's order. */
export function citedTests(markdown: string): CitedTests[] {
  const cited: CitedTests[] = [];

  function visit(node: Node): void {
    if (!("children" in node)) return;
    let text = "";
    for (const child of node.children) {
      if (child.type === "link" && TEST_FILE.test(child.url)) {
        take(text);
        text = "";
        cited.push({ file: child.url, names: [], line: child.position?.start.line ?? 1 });
      } else if (child.type === "text") {
        text += child.value;
      } else {
        take(text);
        text = "";
        visit(child);
      }
    }
    take(text);
  }

  function take(text: string): void {
    const names = [...text.matchAll(/"([^"]+)"/g)].map(([, name]) => name!.replace(/\s+/g, " "));
    cited.at(-1)?.names.push(...names);
  }

  visit(fromMarkdown(markdown));
  return cited;
}

/** The points of all lists below a heading, up to the next of its level or above: their Markdown. */
export function pointsBelow(markdown: string, title: string): string[] {
  const points: string[] = [];
  let depth = 0;
  for (const node of fromMarkdown(markdown).children) {
    if (node.type === "heading" && toString(node) === title) depth = node.depth;
    else if (node.type === "heading" && node.depth <= depth) depth = 0;
    else if (node.type === "list" && depth > 0) {
      for (const { position } of node.children) {
        points.push(markdown.slice(position!.start.offset, position!.end.offset));
      }
    }
  }
  return points;
}

/** Whether a file of tests holds a test of that name: a literal that is that name and no more. */
export function hasTest(source: string, name: string): boolean {
  return ['"', "`", "'"].some((quote) =>
    source.includes(quote + (quote === "'" ? name.replaceAll("'", "''") : name) + quote)
  );
}
