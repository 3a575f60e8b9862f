/** The code in a Markdown file, for tests that run what a reader copies. */
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString } from "mdast-util-to-string";

type Tree = ReturnType<typeof fromMarkdown>;
type Node = Tree | Tree["children"][number];

export interface CodeBlock {
  /** The title of the heading that it stands below. */
  title: string;
  language: string;
  code: string;
  /** The line of the file that it begins on, from 1. */
  line: number;
}

/** The code blocks of a Markdown file, in their order, those in lists and quotes too. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let title = "";

  function visit(node: Node): void {
    if (node.type === "heading") title = toString(node);
    if (node.type === "code") {
      const line = node.position?.start.line ?? 1;
      blocks.push({ title, language: node.lang ?? "", code: node.value, line });
    }
    if ("children" in node) node.children.forEach(visit);
  }

  visit(fromMarkdown(markdown));
  return blocks;
}
