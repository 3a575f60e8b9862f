import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { STATUS } from "../supabase/functions/openrouter-proxy/errors.ts";
import { codeBlocks } from "./docs/code_blocks.ts";
import { filesOf } from "./docs/documents.ts";
import { documentationProblems } from "./docs/problems.ts";
import { PROJECT_ROOT } from "./stack/data_folder.ts";

const DOCUMENTS = filesOf(["md"]);

/** A document; or the part of it between the heading of that title and the next of its level. */
function text(path: string, title?: string): string {
  const whole = DOCUMENTS.get(path);
  assert.ok(whole !== undefined, path);
  if (title === undefined) return whole;
  const section = new RegExp(`^## ${title}\\n.*?(?=^## |(?![^]))`, "ms").exec(whole);
  assert.ok(section, `${path} has no section ${title}`);
  return section[0];
}

function source(path: string): string {
  return Deno.readTextFileSync(join(PROJECT_ROOT, "supabase/functions", path));
}

function names(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))].sort();
}

Deno.test("every document and section that is cited exists, and every link leads somewhere", () => {
  for (const path of ["docs/protocol.md", "docs/openrouter.md", "README.md"]) text(path);
  const problems = documentationProblems(
    filesOf(["ts", "sql", "md"]),
    (path) => existsSync(join(PROJECT_ROOT, path)),
  );
  assert.equal(problems.join("\n"), "");
});

/** What documents_test.ts runs, and what is read here or shown only. */
const LANGUAGES = new Set(["sh", "sql", "ts", "js", "json", "toml", "text"]);

Deno.test("every block of code says its language, and JSON is JSON", () => {
  for (const [path, markdown] of DOCUMENTS) {
    for (const { language, code, line } of codeBlocks(markdown)) {
      assert.ok(LANGUAGES.has(language), `${path}:${line}: ${language || "no language"}`);
      if (language === "json") assert.doesNotThrow(() => JSON.parse(code), `${path}:${line}`);
    }
  }
});

Deno.test("no block of shell has a comment, which zsh takes for arguments where it is pasted", () => {
  // Without INTERACTIVE_COMMENTS, which macOS does not set, an apostrophe in one waits for its other half.
  for (const [path, markdown] of DOCUMENTS) {
    for (const { language, code, line } of codeBlocks(markdown)) {
      if (language === "sh") assert.doesNotMatch(code, /(?:^|\s)#/m, `${path}:${line}`);
    }
  }
});

Deno.test("the Chinese README has the English one's code, sections and links", () => {
  const [english, chinese] = [text("README.md"), text("README.zh-CN.md")];
  const code = (markdown: string) =>
    codeBlocks(markdown).map(({ language, code }) => [language, code]);
  assert.ok(code(english).length >= 5);
  assert.deepEqual(code(chinese), code(english));
  const levels = (markdown: string) => markdown.match(/^#+(?= )/gm);
  assert.deepEqual(levels(chinese), levels(english));
  const links = (markdown: string) => names(markdown, /\]\(((?!#|README)[^)]+)\)/g);
  assert.deepEqual(links(chinese), links(english));
});

Deno.test("the documents and .env.example name the variables that the function reads, and no others", () => {
  const read = names(source("openrouter-proxy/config/config.ts"), /\("([A-Z][A-Z_]{3,})"/g);
  assert.ok(read.length > 10);
  assert.deepEqual(names(source(".env.example"), /^#? ?([A-Z][A-Z_]{3,})=/gm), read);
  for (const path of ["docs/operators.md", "docs/protocol.md"]) {
    const rows = text(path, "Environment").split("\n").filter((line) => line.startsWith("| `"));
    const first = rows.map((row) => row.split("|")[1]!).join("\n");
    assert.deepEqual(names(first, /`([A-Z][A-Z_]{3,})`/g), read, path);
  }
  for (const name of names(text("README.md", "Environment"), /^\| `([A-Z_]+)`/gm)) {
    assert.ok(read.includes(name), name);
  }
});

Deno.test("users.md and protocol.md tell every error type of the gateway with its status, and no others", () => {
  const types = Object.entries(STATUS).map(([type, status]) => `${status} ${type}`).sort();
  for (const path of ["docs/users.md", "docs/protocol.md"]) {
    const rows = text(path, "Errors").matchAll(/^\| ([45]\d\d) +\| ([^|]*)/gm);
    const told = [...rows].flatMap(([, status, types]) =>
      names(types!, /`([a-z_]+)`/g).map((type) => `${status} ${type}`)
    );
    assert.deepEqual(told.sort(), types, path);
  }
});
