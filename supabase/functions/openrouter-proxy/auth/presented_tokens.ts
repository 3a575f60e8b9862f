/** The tokens that a request presents, as `Authorization: Bearer` and in `x-api-key`. */
import { GatewayError } from "../errors.ts";
import { parseDid } from "./did.ts";
import { issuerOf, parseJwt, verifyDidToken } from "./did_token.ts";
import type { TokenContext, VerifiedToken } from "./token.ts";

/** A DID token or a wallet session, of which nothing is verified yet. */
export interface PresentedToken {
  /** Whose it says to be; null where that cannot be read. */
  readonly claimedDid: string | null;
  /**
   * @throws {GatewayError} invalid_token, expired_token, invalid_did, unsupported_did_method,
   * did_unavailable
   */
  verify(): Promise<VerifiedToken>;
}

/** Reads one kind of token; null for what is none of this kind. */
type ReadToken = (text: string, context: TokenContext) => Promise<PresentedToken | null>;

/** Every kind of token that there is. */
const KINDS: readonly ReadToken[] = [didToken, walletSession];

const BEARER = /^Bearer +\S+$/i;

/** The text of a Bearer token; null where `Authorization` holds none. */
export function bearerOf(headers: Headers): string | null {
  const authorization = headers.get("authorization");
  return authorization !== null && BEARER.test(authorization)
    ? authorization.slice(authorization.lastIndexOf(" ") + 1)
    : null;
}

/** The token of a request that presents one alone, where it was verified before; else null. */
export function onlyTokenIfKnown(
  headers: Headers,
  { known }: TokenContext,
): VerifiedToken | null {
  const bearer = bearerOf(headers);
  const apiKey = headers.get("x-api-key");
  if (bearer !== null && apiKey !== null && bearer !== apiKey) return null;
  const text = bearer ?? apiKey;
  return text === null ? null : known.find(text);
}

/**
 * The tokens of ours that a request presents: at most two, the Bearer first. What is no token of ours
 * is passed over: supabase-js sends a Bearer of its own, and other clients send a placeholder.
 */
export async function presentedTokens(
  headers: Headers,
  context: TokenContext,
): Promise<PresentedToken[]> {
  const bearer = bearerOf(headers);
  const apiKey = headers.get("x-api-key");
  const tokens: PresentedToken[] = [];
  for (const text of apiKey === bearer ? [bearer] : [bearer, apiKey]) {
    const token = text ? knownToken(text, context) ?? await readToken(text, context) : null;
    if (token) tokens.push(token);
  }
  return tokens;
}

function knownToken(text: string, { known }: TokenContext): PresentedToken | null {
  const token = known.find(text);
  return token && { claimedDid: token.did, verify: () => Promise.resolve(token) };
}

/** Null for what is no token of ours. */
async function readToken(text: string, context: TokenContext): Promise<PresentedToken | null> {
  for (const read of KINDS) {
    const token = await read(text, context);
    if (token === null) continue;
    return {
      ...token,
      async verify() {
        const verified = await token.verify();
        context.known.remember(text, verified);
        return verified;
      },
    };
  }
  return null;
}

/**
 * Verifies the tokens until one is good.
 *
 * @param tokens at least one
 * @throws {GatewayError} what the first one is refused with, a failure of the gateway's first of all;
 * invalid_token where two name two DIDs
 */
export async function verifyOneOf(tokens: readonly PresentedToken[]): Promise<VerifiedToken> {
  if (tokens.length > 1) {
    assertSameDid(tokens.map((token) => token.claimedDid), "Authorization and x-api-key");
  }
  const refusals: GatewayError[] = [];
  for (const token of tokens) {
    try {
      return await token.verify();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      refusals.push(error);
    }
  }
  // What is no fault of the token's may pass when it is tried again.
  throw refusals.find(({ status }) => status >= 500) ?? refusals[0];
}

/**
 * One request has one caller: were two DIDs named, two readers of it could see two.
 *
 * @param dids as they are claimed; null: names nobody
 * @throws {GatewayError} invalid_token
 */
export function assertSameDid(dids: readonly (string | null)[], what: string): void {
  if (new Set(dids.filter((did) => did !== null)).size <= 1) return;
  throw new GatewayError("invalid_token", `${what} name two DIDs: send one of them`);
}

function didToken(text: string, context: TokenContext): Promise<PresentedToken | null> {
  const jwt = parseJwt(text);
  const issuer = issuerOf(jwt);
  const token = jwt && issuer !== null && {
    claimedDid: inOneSpelling(issuer),
    verify: () => verifyDidToken(jwt, issuer, context),
  };
  return Promise.resolve(token || null);
}

async function walletSession(text: string, context: TokenContext): Promise<PresentedToken | null> {
  if (!text.startsWith("siwe.")) return null;
  const { readWalletSession, verifyWalletSession } = await import("./wallet_session.ts");
  try {
    const session = readWalletSession(text, context);
    return {
      claimedDid: session.did.uri,
      verify: () => verifyWalletSession(session, context),
    };
  } catch (error) {
    return { claimedDid: null, verify: () => Promise.reject(error) };
  }
}

/** The DID in the spelling that its account has; as it is where it is no DID of ours. */
function inOneSpelling(did: string): string {
  try {
    return parseDid(did).uri;
  } catch {
    return did;
  }
}
