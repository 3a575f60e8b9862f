/** What variables of the environment may hold, a kind each, and what is said of a text that is none. */
import type { LogSuccesses } from "../log/log.ts";

/** A text that cannot be used; completes a sentence that begins with the variable's name. */
export class Unusable {
  constructor(readonly because: string) {}
}

/** Reads the text of a variable that is set. */
export type Reading<T> = (text: string) => T | Unusable;

/** Timers take no more. */
const MAX_INTEGER = 2 ** 31 - 1;

/** A URL without query, fragment and trailing slashes. */
export function httpUrl(text: string): string | Unusable {
  return /^https?:\/\/[^\s?#]+$/.test(text) && URL.canParse(text)
    ? text.replace(/\/+$/, "")
    : new Unusable("must be an http(s) URL without query or fragment");
}

/**
 * A Supabase project's URL; its Data API's, which dashboards show beside it, is another. In the spelling
 * that clients have it in: an audience is made of it.
 */
export function projectUrl(text: string): string | Unusable {
  const url = httpUrl(text);
  if (typeof url !== "string") return url;
  return /\/(?:rest|auth|functions)\/v1(?:\/|$)/.test(url)
    ? new Unusable("must be the project's URL alone, without /rest/v1 or the like after it")
    : new URL(url).href.replace(/\/+$/, "");
}

export function webhookUrl(text: string): string | Unusable {
  return /^https?:\/\/[^\s#]+$/i.test(text) && URL.canParse(text)
    ? text
    : new Unusable("must be an http(s) URL without a fragment");
}

export function webhookSecret(text: string): string | Unusable {
  return text.length >= 16 ? text : new Unusable("must have at least 16 characters");
}

export function positiveInteger(text: string): number | Unusable {
  return /^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= MAX_INTEGER
    ? Number(text)
    : new Unusable(`must be a whole number from 1 to ${MAX_INTEGER}`);
}

/** As it is written: money is never a float. */
export function positiveDecimal(text: string): string | Unusable {
  return /^[0-9]+(\.[0-9]+)?$/.test(text) && Number(text) > 0
    ? text
    : new Unusable("must be a positive decimal number");
}

export function headerValue(text: string): string | Unusable {
  return /^[\x20-\x7e]+$/.test(text) ? text : new Unusable("must be printable ASCII");
}

/** OpenRouter's management key, which goes into a header. */
export function managementKey(text: string): string | Unusable {
  return /^[\x21-\x7e]+$/.test(text) ? text : new Unusable(
    "must be a management key, such as sk-or-v1- and 64 hex digits, no placeholder",
  );
}

/** An id that OpenRouter could have given something. */
export function openrouterId(text: string): string | Unusable {
  return /^[\x21-\x7e]{1,128}$/.test(text)
    ? text
    : new Unusable("must be an id of OpenRouter's, such as a UUID, without spaces");
}

export function logSuccesses(text: string): LogSuccesses | Unusable {
  if (text === "all") return text;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  return new Unusable("must be a whole number, or all");
}

/** The items between commas. */
export function list(text: string): string[] {
  return text.split(",").map((item) => item.trim()).filter(Boolean);
}

export function extraPaths(text: string): string[] | Unusable {
  const paths = list(text).map((path) => path.toLowerCase().replace(/\/+$/, ""));
  return paths.every((path) => path === "*" || /^(?:\/[a-z0-9._~-]+)+$/.test(path))
    ? paths
    : new Unusable("must be paths such as /new/endpoint, or *");
}
