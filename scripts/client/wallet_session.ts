/**
 * Sessions of Ethereum accounts: one message that a wallet's owner signs once, and that is a token.
 *
 * Source: docs/protocol.md, "Authentication"; EIP-4361 (Sign-In with Ethereum), EIP-55.
 */
import type { TokenClaims } from "./did_token.ts";
import { base64url, utf8 } from "./encodings.ts";
import type { Identity } from "./identity.ts";

/** What a wallet session says. */
export interface WalletSessionClaims extends TokenClaims {
  /** Life of the session in seconds; gateways accept 86 400 at most unless told otherwise. */
  ttlSeconds?: number | undefined;
  /** The sentence that the wallet shows: letters, digits, spaces and `-._~:/?#[]@!$&'()*+,;=`. */
  statement?: string | undefined;
  /** At least 8 letters and digits; random unless given. */
  nonce?: string | undefined;
}

const STATEMENT = "Let this session spend as your account at the LLM gateway.";

/** What EIP-4361's grammar takes. */
const STATEMENT_TEXT = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;= ]*$/;
const NONCE_TEXT = /^[A-Za-z0-9]{8,}$/;

/**
 * A token of a did:pkh identity, a day long unless told otherwise, to be sent as
 * `Authorization: Bearer` or `x-api-key`. The wallet asks its owner once. Whoever holds it can spend
 * until it expires.
 *
 * @throws {TypeError} for an identity that is no did:pkh:eip155, and for claims that no session has;
 * what the wallet throws when its owner declines
 */
export async function createWalletSession(
  identity: Identity,
  claims: WalletSessionClaims,
): Promise<string> {
  const [, chainId, account] = /^did:pkh:eip155:(\d+):(0x[0-9a-f]{40})$/i.exec(identity.did) ?? [];
  if (identity.algorithm !== "EIP-191" || !chainId || !account) {
    throw new TypeError(
      `only did:pkh:eip155 makes wallet sessions; ${identity.did} makes DID tokens`,
    );
  }
  const { checksummedAddress } = await import("./secp256k1.ts");
  const {
    audience,
    ttlSeconds = 86_400,
    issuedAt = Math.floor(Date.now() / 1000),
    statement = STATEMENT,
    nonce = crypto.randomUUID().replaceAll("-", ""),
  } = claims;
  // As the gateway reads it: with a port that a URL would drop.
  const [, authority] = /^[^:/?#]+:\/\/([^/?#]+)/.exec(audience) ?? [];
  if (authority === undefined) throw new TypeError(`the audience is no URL: ${audience}`);
  // Its owner shall not be asked for what the gateway refuses.
  if (!STATEMENT_TEXT.test(statement)) {
    throw new TypeError(
      "a statement is of letters, digits, spaces and -._~:/?#[]@!$&'()*+,;= alone (EIP-4361)",
    );
  }
  if (!NONCE_TEXT.test(nonce)) throw new TypeError("a nonce has 8 letters and digits or more");
  const message = [
    `${authority} wants you to sign in with your Ethereum account:`,
    checksummedAddress(account),
    "",
    statement,
    "",
    `URI: ${audience}`,
    "Version: 1",
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${rfc3339(issuedAt)}`,
    `Expiration Time: ${rfc3339(issuedAt + ttlSeconds)}`,
  ].join("\n");
  const bytes = utf8(message);
  return `siwe.${base64url(bytes)}.${base64url(await identity.sign(bytes))}`;
}

function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
