/** Compares what files cite and link to with what there is. */
import { posix } from "node:path";
import { citationsIn } from "./citations.ts";
import { type MarkdownFile, parseMarkdown } from "./markdown.ts";

/** The files of a project, by path from its root with `/` between folders. */
export type Files = ReadonlyMap<string, string>;

/**
 * Everything that leads nowhere: cited documents and sections, and links of Markdown files.
 *
 * @param files all that is searched: TypeScript, SQL, Markdown
 * @param exists whether there is a file or folder, of any kind, at a path from the root
 * @returns one line each: `file:line: what is missing`
 */
export function documentationProblems(files: Files, exists: (path: string) => boolean): string[] {
  const documents = new Map<string, MarkdownFile>();
  for (const [path, text] of files) {
    if (path.endsWith(".md")) documents.set(path, parseMarkdown(text));
  }
  const byLowerCase = new Map([...documents].map(([path, doc]) => [path.toLowerCase(), doc]));

  return [...files].flatMap(([path, text]) => {
    const problems: string[] = [];
    const report = (line: number, problem: string) => problems.push(`${path}:${line}: ${problem}`);

    for (const { document, sections, line } of citationsIn(text)) {
      // A sentence may begin with a document's name.
      const cited = candidates(document, path)
        .map((candidate) => byLowerCase.get(candidate.toLowerCase())).find(Boolean);
      if (cited === undefined) {
        report(line, `there is no ${document}`);
        continue;
      }
      for (const section of sections) {
        if (!cited.titles.has(section)) report(line, `${document} has no section "${section}"`);
      }
    }
    for (const { target, line } of documents.get(path)?.links ?? []) {
      const problem = linkProblem(path, target, documents, exists);
      if (problem !== null) report(line, problem);
    }
    return problems;
  });
}

/** Where a document may be that a file names: in docs/, at the top, or beside that file. */
function candidates(document: string, citedIn: string): string[] {
  return [
    posix.join("docs", document),
    posix.normalize(document),
    posix.join(posix.dirname(citedIn), document),
  ];
}

function linkProblem(
  path: string,
  target: string,
  documents: ReadonlyMap<string, MarkdownFile>,
  exists: (path: string) => boolean,
): string | null {
  if (/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) return null;
  const [, file = "", anchor] = /^([^?#]*)(?:\?[^#]*)?(?:#(.*))?$/s.exec(decodeURI(target)) ?? [];
  const found = file === ""
    ? path
    : file.startsWith("/")
    ? file.slice(1)
    : posix.join(posix.dirname(path), file);
  if (!exists(found)) return `the link ${target} leads to no file`;
  const document = documents.get(found);
  if (anchor === undefined || document === undefined || document.anchors.has(anchor)) return null;
  return `the link ${target} leads to no heading`;
}
