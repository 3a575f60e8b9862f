/** What the doctor found, for people. */
import type { Result } from "./examine.ts";

const WORDS = { ok: "ok", bad: "RED", unchecked: "--" } as const;
const COLOURS = { ok: "32", bad: "31", unchecked: "90" } as const;
const NAME_WIDTH = 18;

/** A line for a finding, and one for its remedy. */
export function resultLines(result: Result, inColour: boolean): string[] {
  const { name, state, detail } = result;
  const word = WORDS[state].padEnd(3);
  const shown = inColour ? `\x1b[${COLOURS[state]}m${word}\x1b[0m` : word;
  const lines = [`${shown} ${name.padEnd(NAME_WIDTH)} ${detail}`];
  if (result.state === "bad") {
    for (const [index, line] of result.remedy.split("\n").entries()) {
      lines.push(`    ${index === 0 ? "→" : " "} ${line}`);
    }
  }
  return lines;
}

/** `19 ok, 1 red, 2 not looked at`. */
export function summary(results: readonly Result[]): string {
  const count = (state: Result["state"]) => results.filter((one) => one.state === state).length;
  const rest = count("unchecked");
  return `${count("ok")} ok, ${count("bad")} red${rest > 0 ? `, ${rest} not looked at (--)` : ""}`;
}
