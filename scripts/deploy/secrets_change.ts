/** What setting the file's secrets would change, and whether that would lock everybody out. */
import { digestOf } from "../doctor/checks/environment.ts";
import type { Variables } from "../operator/env_file.ts";

export interface SecretsChange {
  added: string[];
  changed: string[];
  /** Empty in the file, which the function takes for not set. */
  cleared: string[];
  same: string[];
}

/** The CLI leaves these out: the platform gives them. */
const isGiven = (name: string) => name.startsWith("SUPABASE_");

/** Of a secret that is empty, which is none. */
const NOTHING = digestOf("");

/** @param digests of the secrets that the project has, by name; null: they are not known */
export function secretsChange(
  file: Variables,
  digests: ReadonlyMap<string, string> | null,
): SecretsChange {
  const change: SecretsChange = { added: [], changed: [], cleared: [], same: [] };
  for (const [name, value] of Object.entries(file)) {
    if (isGiven(name)) continue;
    const digest = digests?.get(name);
    if (value !== "") {
      const kind = digest === undefined ? "added" : digest === digestOf(value) ? "same" : "changed";
      change[kind].push(name);
    } else if (digests === null || (digest !== undefined && digest !== NOTHING)) {
      change.cleared.push(name);
    }
  }
  return change;
}

/**
 * Why the secrets must not be set: under another encryption key, without the one before, no key of a DID
 * could be opened; nor, in the middle of a rotation, what is still sealed with the one before that.
 * Null: they may.
 */
export function lockout(file: Variables, digests: ReadonlyMap<string, string>): string | null {
  const current = digests.get("API_KEY_ENCRYPTION_KEY");
  const previous = digests.get("API_KEY_ENCRYPTION_KEY_PREVIOUS");
  // One that is empty there takes the project's away.
  const replacement = file.API_KEY_ENCRYPTION_KEY_PREVIOUS;
  const kept = [file.API_KEY_ENCRYPTION_KEY, replacement]
    .map((key) => key === undefined ? undefined : digestOf(key));
  if (current === undefined || current === NOTHING) return null;
  if (kept.includes(current)) {
    // What the file does not name stays as it is in the project.
    if (previous === undefined || previous === NOTHING) return null;
    if (replacement === undefined || kept.includes(previous)) return null;
    return "the project has another API_KEY_ENCRYPTION_KEY_PREVIOUS than the file, which may still open keys " +
      "of DIDs: end that rotation with `deno task rotate-keys`, and when `rotate-keys --check` says that " +
      "none is left, unset API_KEY_ENCRYPTION_KEY_PREVIOUS in the project";
  }
  return "the project has another API_KEY_ENCRYPTION_KEY than the file, which alone opens the keys of the " +
    "DIDs that are stored: put that one into the file, or, to replace it, do as " +
    "`deno task rotate-keys --help` says, with the old one as API_KEY_ENCRYPTION_KEY_PREVIOUS";
}
