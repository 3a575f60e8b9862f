/** What a Markdown file offers to those that point into it, and where it points itself. */
import GithubSlugger from "github-slugger";
import { fromMarkdown } from "mdast-util-from-markdown";
import { toString } from "mdast-util-to-string";

type Tree = ReturnType<typeof fromMarkdown>;
type Node = Tree | Tree["children"][number];

export interface MarkdownFile {
  /** The titles of all headings, of any level, as plain text. */
  titles: Set<string>;
  /** What may follow the `#` of a link to this file, as GitHub names its headings. */
  anchors: Set<string>;
  links: { target: string; line: number }[];
}

/** Reads the headings and links of a Markdown file; code blocks have neither. */
export function parseMarkdown(text: string): MarkdownFile {
  const file: MarkdownFile = { titles: new Set(), anchors: new Set(), links: [] };
  const slugger = new GithubSlugger();

  function visit(node: Node): void {
    if (node.type === "heading") {
      const title = toString(node);
      file.titles.add(title);
      file.anchors.add(slugger.slug(title));
    }
    if (node.type === "link" || node.type === "image" || node.type === "definition") {
      file.links.push({ target: node.url, line: node.position?.start.line ?? 1 });
    }
    if ("children" in node) node.children.forEach(visit);
  }

  visit(fromMarkdown(text));
  return file;
}
