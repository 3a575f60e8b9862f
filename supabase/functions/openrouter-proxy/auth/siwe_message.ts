/**
 * "Sign-In with Ethereum": the text that a wallet shows and signs, read by its grammar (EIP-4361,
 * "ABNF Message Format").
 *
 * The domain, the URI and the resources are compared with the gateway's audience, so that no grammar
 * of URIs (RFC 3986) is needed. Published parsers bring one along, and take 20 ms to import and more.
 */

/** The fields as they stand in the message; null where an optional one is missing. */
export interface SiweMessage {
  /** What stands before `://` in front of the domain. */
  readonly scheme: string | null;
  /** The authority that asks for the signature: host, and port if any. */
  readonly domain: string;
  /** `0x` and 40 hex digits. */
  readonly address: string;
  readonly uri: string;
  readonly version: string;
  readonly chainId: string;
  readonly nonce: string;
  readonly issuedAt: string;
  readonly expirationTime: string | null;
  readonly notBefore: string | null;
  /** Empty where there are none. */
  readonly resources: readonly string[];
}

/** RFC 3986's reserved and unreserved characters, and the space. */
const STATEMENT = String.raw`[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;= ]*`;
/** RFC 3986's pchar. */
const REQUEST_ID = String.raw`(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*`;

const MESSAGE = new RegExp(
  [
    String
      .raw`^(?:(?<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://)?(?<domain>[^\s/?#]+) wants you to sign in with your Ethereum account:`,
    `(?<address>0x[0-9a-fA-F]{40})`,
    `(?:\n${STATEMENT})?`,
    ``,
    String.raw`URI: (?<uri>\S+)`,
    `Version: (?<version>1)`,
    `Chain ID: (?<chainId>[0-9]+)`,
    `Nonce: (?<nonce>[A-Za-z0-9]{8,})`,
    String.raw`Issued At: (?<issuedAt>\S+)(?:
Expiration Time: (?<expirationTime>\S+))?(?:
Not Before: (?<notBefore>\S+))?(?:
Request ID: ${REQUEST_ID})?(?<list>
Resources:(?:
- \S+)*)?$`,
  ].join("\n"),
);

/** Reads a message; null for what is none. Times and the address's spelling are not looked at. */
export function parseSiweMessage(text: string): SiweMessage | null {
  const fields = MESSAGE.exec(text)?.groups;
  if (!fields) return null;
  const { scheme, domain, address, uri, version, chainId, nonce, issuedAt } = fields;
  return {
    scheme: scheme ?? null,
    domain: domain!,
    address: address!,
    uri: uri!,
    version: version!,
    chainId: chainId!,
    nonce: nonce!,
    issuedAt: issuedAt!,
    expirationTime: fields.expirationTime ?? null,
    notBefore: fields.notBefore ?? null,
    resources: (fields.list ?? "").split("\n- ").slice(1),
  };
}
