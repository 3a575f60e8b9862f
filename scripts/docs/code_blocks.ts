/** The code in a Markdown file, for tests that run what a reader copies. */
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString } from "mdast-util-to-string";

export interface CodeBlock {
  /** The title of the heading that it stands below. */
  title: string;
  language: string;
  code: string;
}

/** The fenced code blocks of a Markdown file, in their order; not those in lists and quotes. */
export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let title = "";
  for (const node of fromMarkdown(markdown).children) {
    if (node.type === "heading") title = toString(node);
    if (node.type === "code") blocks.push({ title, language: node.lang ?? "", code: node.value });
  }
  return blocks;
}
