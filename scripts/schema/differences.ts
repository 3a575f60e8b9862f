/** What differs between two catalogs, told so that a person finds the place and the mistake. */
import { diff } from "node:util";
import type { Catalog, Facts } from "./catalog.ts";

export interface Difference {
  /** As the catalogs name it. */
  object: string;
  /** One line, or several where a text of several lines differs. */
  what: string;
}

/** @param names what to call the one and the other, such as `migrations` and `schemas` */
export function differences(one: Catalog, other: Catalog, names: [string, string]): Difference[] {
  const objects = [...new Set([...one.keys(), ...other.keys()])].sort();
  return objects.flatMap((object) => {
    const [facts, otherFacts] = [one.get(object), other.get(object)];
    if (facts === undefined) return [{ object, what: `is only in the ${names[1]}` }];
    if (otherFacts === undefined) return [{ object, what: `is only in the ${names[0]}` }];
    return differentFacts(facts, otherFacts, names).map((what) => ({ object, what }));
  });
}

function differentFacts(one: Facts, other: Facts, names: [string, string]): string[] {
  const facts = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return facts.flatMap((fact) => {
    const [value, otherValue] = [shown(one[fact]), shown(other[fact])];
    if (value === otherValue) return [];
    if (value.includes("\n") || otherValue.includes("\n")) {
      return [`${fact}: - ${names[0]}, + ${names[1]}\n${changedLines(value, otherValue)}`];
    }
    return [`${fact}: ${value} in the ${names[0]}, ${otherValue} in the ${names[1]}`];
  });
}

/** A list has a line for each of its members. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.map(shown).join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The lines that differ, each with its number in the text that it is of. */
function changedLines(one: string, other: string): string {
  const numbers = { "-": 0, "+": 0 };
  // 1: only in the first text, -1: only in the second.
  return diff(one.split("\n"), other.split("\n")).flatMap(([operation, line]) => {
    if (operation >= 0) numbers["-"]++;
    if (operation <= 0) numbers["+"]++;
    if (operation === 0) return [];
    const sign = operation > 0 ? "-" : "+";
    return [`${sign}${String(numbers[sign]).padStart(4)} ${line}`];
  }).join("\n");
}
