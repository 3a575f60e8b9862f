/**
 * Which audience a refused signature was made for: people sign for the URL that they call, which is
 * not always how the gateway is configured, and nothing else shows that mistake.
 *
 * Each guess costs a verification, and anybody can send signatures that are refused. So few guesses
 * are made, and by one request a second in each isolate: with the slowest kind of key (4 ms) that is
 * less than 2 % of a core.
 */
import { isDomainName } from "../bytes/domain_name.ts";

const MAX_GUESSES = 4;
const SEARCH_INTERVAL_MS = 1_000;

const LOOPBACK = new Map([["localhost", "127.0.0.1"], ["127.0.0.1", "localhost"]]);

/**
 * @param host what the client calls, from its `Host` header
 * @param isSignedFor verifies the signature for another audience
 * @returns the audience that it was made for; null where that is none of the guesses, or none was made
 */
export type AudienceSearch = (
  host: string | null,
  isSignedFor: (audience: string) => Promise<boolean>,
) => Promise<string | null>;

/** @param options `now` in milliseconds */
export function createAudienceSearch(
  { audience, now }: { readonly audience: string; readonly now: () => number },
): AudienceSearch {
  let searchedAtMs = -Infinity;
  return async (host, isSignedFor) => {
    if (Math.abs(now() - searchedAtMs) < SEARCH_INTERVAL_MS) return null;
    searchedAtMs = now();
    for (const guess of likelyAudiences(audience, host)) {
      if (await isSignedFor(guess)) return guess;
    }
    return null;
  };
}

/** The audiences that are most often signed for in place of this one, the likeliest first. */
export function likelyAudiences(audience: string, host: string | null): string[] {
  const [, scheme, hostname, port, path] =
    /^(https?):\/\/([^/:]+|\[[^\]]+\])(:\d+)?(.*)$/.exec(audience) ?? [];
  if (scheme === undefined) return [];
  const authority = `${hostname}${port ?? ""}`;
  const otherName = `${LOOPBACK.get(hostname!) ?? hostname}${port ?? ""}`;
  const guesses = [
    ...(isHost(host) ? schemesOf(host, scheme).map((other) => `${other}://${host}${path}`) : []),
    `${scheme}://${otherName}${path}`,
    // The origin alone, and the base URL that SDKs are given.
    `${scheme}://${authority}`,
    `${audience}/api/v1/openrouter`,
    `${audience}/`,
    `${scheme === "http" ? "https" : "http"}://${authority}${path}`,
  ];
  return [...new Set(guesses)].filter((guess) => guess !== audience).slice(0, MAX_GUESSES);
}

/** A gateway that knows itself by http, behind a proxy, is called by https where it has a public name. */
function schemesOf(host: string, scheme: string): string[] {
  const isPublic = isDomainName(host.replace(/:\d+$/, "").toLowerCase());
  return scheme === "http" && isPublic ? ["https", "http"] : [scheme];
}

/** What an error may repeat. */
function isHost(text: string | null): text is string {
  return text !== null &&
    /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i.test(text);
}
