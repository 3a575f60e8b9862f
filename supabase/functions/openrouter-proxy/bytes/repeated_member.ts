/** Members that a JSON object has twice, of which parsers take different ones (RFC 8259 section 4). */
import { textOf } from "./encodings.ts";
import { JsonScanner } from "./json_scanner.ts";

/**
 * The name of a member that an object has twice; null: there is none. Objects within it are not
 * looked into, nor names of over 128 bytes.
 *
 * @param bytes JSON text in UTF-8, small enough to be looked at whole
 * @param object what JSON.parse made of it
 */
export function repeatedMember(bytes: Uint8Array, object: Record<string, unknown>): string | null {
  // Most texts are as JavaScript writes the object, each member once, which is quicker to see.
  if (JSON.stringify(object) === textOf(bytes)) return null;
  const names = new Set<string>();
  let repeated: string | null = null;
  const scanner = new JsonScanner({
    member(name) {
      if (name !== null && names.has(name)) repeated ??= name;
      if (name !== null) names.add(name);
      return null;
    },
    // No text nests deeper, or has more values, than it has bytes.
  }, { maxDepth: bytes.length, maxValues: bytes.length });
  scanner.feed(bytes);
  return repeated;
}
