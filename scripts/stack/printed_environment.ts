/** Variables in lines that shells source as they stand, and their readers. */
import { shellQuoted } from "../shell_quoted.ts";

export type Variables = Record<string, string>;

/**
 * NAME=value lines, the values quoted where a shell needs that, and a last one that exports them all:
 * `.`, `source` and `eval` take them in any POSIX shell.
 */
export function environmentLines(variables: Variables): string[] {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${shellQuoted(value)}`);
  return [...lines, `export ${Object.keys(variables).join(" ")}`];
}

/** What such lines say, among other lines and in any order. */
export function readEnvironmentLines(text: string): Variables {
  const lines = text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, word]) => [name!, unquoted(word!)]));
}

/** A word as shellQuoted writes it → its text. */
function unquoted(word: string): string {
  return word.startsWith("'") ? word.slice(1, -1).replaceAll(`'\\''`, "'") : word;
}
