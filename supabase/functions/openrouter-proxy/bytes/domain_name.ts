/** Domain names, as URLs spell them. */

/** Labels of RFC 1123, section 2.1, of which the last begins with a letter. */
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!localhost$)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Whether a host is a domain name in lower case, IDNs as xn--: neither an IP literal, nor `localhost`,
 * nor a name without a dot.
 */
export function isDomainName(host: string): boolean {
  return DOMAIN.test(host);
}
