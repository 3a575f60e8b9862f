/** The project's secret keys, as Supabase gives them to its functions. */
import { isObject } from "../bytes/encodings.ts";

/**
 * Reads the secret keys: those of `SUPABASE_SECRET_KEYS`, JSON by name, of which the one that is named
 * `default` comes first, then the legacy `SUPABASE_SERVICE_ROLE_KEY`. A project without the new keys has
 * an empty dictionary, or, where it is self-hosted, an empty key in it.
 *
 * @returns at least one key; or what is wrong with the variables, which never quotes them
 *
 * Source: supabase.com/docs/guides/functions/secrets
 */
export function readSecretKeys(
  { keys, legacy }: { keys: string | undefined; legacy: string | undefined },
): string[] | string {
  const named = keys === undefined ? [] : keysOf(keys);
  if (named === null) {
    return 'SUPABASE_SECRET_KEYS must be JSON of the shape {"default":"sb_secret_…"}';
  }
  const all = [...new Set([...named, legacy].filter((key) => key !== undefined && key !== ""))];
  if (all.length > 0) return all as string[];
  return keys === undefined
    ? "SUPABASE_SECRET_KEYS (or SUPABASE_SERVICE_ROLE_KEY) is not set"
    : "SUPABASE_SECRET_KEYS holds no key, and SUPABASE_SERVICE_ROLE_KEY is not set";
}

/** Null: that is no dictionary of keys. */
function keysOf(text: string): string[] | null {
  let named: unknown;
  try {
    named = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(named)) return null;
  const { default: first = "", ...others } = named;
  const keys = [first, ...Object.values(others)];
  return keys.every((key) => typeof key === "string") ? keys : null;
}
