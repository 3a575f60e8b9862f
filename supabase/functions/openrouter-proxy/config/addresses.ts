/** Hosts and URLs of the environment that could never work, and what is wrong with them. */
import { isDomainName } from "../bytes/domain_name.ts";
import { list, Unusable } from "./readings.ts";

/** What keeps a host from ever being asked for a DID document; the first that fits is told. */
const DID_WEB_HOST_FAULTS: readonly [RegExp, string][] = [
  [/^[a-z][a-z0-9+.-]*:\/\//, "a scheme"],
  [/\*/, "a wildcard"],
  [/[/?#@]/, "a path or anything else of a URL"],
  [/^(?:[0-9.]+|\[.*|.*:.*:.*)$/, "an IP address"],
  [/:/, "a port (documents are fetched over HTTPS on 443 alone)"],
  [/^(?:.*\.)?localhost\.?$/, "localhost"],
  [/\.$/, "a dot at the end"],
  [/[^\0-\x7f]/, "letters beyond ASCII (write the xn-- form)"],
  [/^[^.]*$/, "a name that has no dot"],
  [/^/, "anything that is no domain name"],
];

/** Hosts of DID documents, in lower case. */
export function didWebHosts(text: string): string[] | Unusable {
  const hosts = list(text.toLowerCase());
  const faults = new Set(hosts.flatMap((host) => didWebHostFault(host) ?? []));
  if (faults.size === 0) return hosts;
  return new Unusable(
    `must be domain names such as example.com, without ${[...faults].join(", ")}`,
  );
}

/** What is wrong with a host, in lower case; null: nothing. */
function didWebHostFault(host: string): string | null {
  if (isDomainName(host)) return null;
  return DID_WEB_HOST_FAULTS.find(([pattern]) => pattern.test(host))![1];
}

/** `*`, or origins as browsers write them: of pages, and of extensions and apps, which have other schemes. */
export function origins(text: string): "*" | string[] | Unusable {
  const named = list(text);
  if (named.length === 0 || named.includes("*")) return "*";
  if (named.every(isOrigin)) return named;
  return new Unusable(
    "must be * or origins such as https://app.example.com, spelled as browsers do: with a scheme, in " +
      "lower case (IDNs as xn--), without a wildcard, a default port, a path, or a slash at the end",
  );
}

/** The Fetch standard's serialisation of an origin; `null` is that of a page without one. */
function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text)) return /^(?:null|[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+)$/.test(text);
  return !text.includes("*") && URL.canParse(text) && new URL(text).origin === text;
}

/** An audience that some client names. */
export function audience(text: string): string | Unusable {
  const fault = audienceFault(text);
  return fault === null ? text : new Unusable(fault);
}

/** Why no client would ever name this audience, to complete a sentence; null: some would. */
function audienceFault(value: string): string | null {
  if (!/^https?:\/\/[^\s]+$/i.test(value) || !URL.canParse(value)) {
    return "must be the http(s) URL that clients call the gateway at";
  }
  const { username, password, href } = new URL(value);
  if (username || password) return "must hold no user name or password";
  if (/[?#]/.test(value)) return "must have no query and no fragment";
  if (value.endsWith("/")) return "must not end with a slash: the path of a request follows it";
  if (href.replace(/\/$/, "") !== value) {
    return "must be spelled as URLs are normalised: scheme and host in lower case (IDNs as xn--), " +
      "no default port, no dot segments";
  }
  return null;
}
