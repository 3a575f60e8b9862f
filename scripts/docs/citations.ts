/** Citations of documents in comments and prose, such as: protocol.md, "Paths" and "Headers". */

export interface Citation {
  /** The document as it is named: `protocol.md`, `docs/protocol.md`. */
  document: string;
  /** The titles of the cited sections; none where the document alone is mentioned. */
  sections: string[];
  /** The line on which the document is named, from 1. */
  line: number;
}

/** A path that ends in `.md`. Not a part of a URL, of a placeholder or of a longer path. */
const DOCUMENT = /(?<![\w./*-])(?:\.{1,2}\/)*(?:[\w-]+\/)*[\w-]+\.md(?![\w/-])/g;
const FIRST_SECTION = /,? "([^"]+)"/y;
const NEXT_SECTION = /(?:[,;]|,? and|,? or) "([^"]+)"/y;
/** What begins a line of a comment in TypeScript or SQL, or of a list or quotation in Markdown. */
const LINE_PREFIX = /^\s*(?:\/\*\*?|\*(?!\/)|\/\/|--|>|-)?\s*/;

/** Finds all citations in a file; one may go on in the next line of its comment. */
export function citationsIn(text: string): Citation[] {
  const starts: number[] = [];
  let joined = "";
  for (const line of text.split(/\r?\n/)) {
    starts.push(joined.length);
    joined += `${line.replace(LINE_PREFIX, "").trimEnd()} `;
  }

  return [...joined.matchAll(DOCUMENT)].map(({ 0: document, index }) => ({
    document,
    sections: sectionsAt(joined, index + document.length),
    line: starts.findLastIndex((start) => start <= index) + 1,
  }));
}

function sectionsAt(text: string, start: number): string[] {
  const sections: string[] = [];
  let end = start;
  for (;;) {
    const pattern = sections.length === 0 ? FIRST_SECTION : NEXT_SECTION;
    pattern.lastIndex = end;
    const match = pattern.exec(text);
    if (match === null) return sections;
    sections.push(match[1]!);
    end = pattern.lastIndex;
  }
}
