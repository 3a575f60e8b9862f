/**
 * Request → verified DID: chooses the carrier (protocol.md, "Authentication").
 *
 * Nothing here knows accounts: an answer never tells whether a DID has one.
 */
import { GatewayError } from "../errors.ts";
import { createDidResolver, parseDid } from "./did.ts";
import { issuerOf, verifyDidToken } from "./did_token.ts";
import { isSignedRequest, type SignedParts, verifySignedRequest } from "./signed_request.ts";

export type { SignedParts };

export interface AuthenticatorOptions {
  /** What signatures and tokens must name; from configuration, never from the request. */
  readonly audience: string;
  readonly maxTokenLifetimeSeconds: number;
  /** Lower-case hosts of did:web documents; did:web is off while there are none. */
  readonly didWebHosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For did:web documents alone. */
  readonly fetch: typeof fetch;
}

/** Who signed. */
export interface Identity {
  /** In the one spelling that an account has: did:pkh in lower case. */
  readonly did: string;
  /** What makes a signed request acceptable once; null for tokens, which are reusable. */
  readonly replay: {
    /** Lower-case hex SHA-256 of the signed message. */
    readonly hash: string;
    /** When the hash may be forgotten. */
    readonly expiresAt: Date;
  } | null;
  /** The token's `iat`, for revocation; null for signed requests. */
  readonly tokenIssuedAt: Date | null;
}

/**
 * Makes the function that authenticates requests, with its caches of keys.
 *
 * It throws {@linkcode GatewayError}s: missing_credentials, invalid_request (header syntax),
 * invalid_did, unsupported_did_method, expired_timestamp, invalid_signature, invalid_token.
 */
export function createAuthenticator(
  options: AuthenticatorOptions,
): (request: SignedParts) => Promise<Identity> {
  const context = { ...options, resolve: createDidResolver(options) };

  return async (request) => {
    const token = bearerToken(request.headers);
    if (!isSignedRequest(request.headers)) {
      if (token === null) throw missingCredentials();
      const { did, issuedAt } = await verifyDidToken(token, context);
      return { did, replay: null, tokenIssuedAt: issuedAt };
    }
    const { did, replay } = await verifySignedRequest(request, context);
    // supabase-js sends its own Bearer along, which says nothing about DIDs. One that names a DID
    // must not contradict the signature, or two readers of one request see two callers.
    const issuer = token && issuerOf(token);
    if (issuer && parseDid(issuer).uri !== did) {
      throw new GatewayError("invalid_token", "the Bearer token's iss is not the DID of x-did");
    }
    return { did, replay, tokenIssuedAt: null };
  };
}

function bearerToken(headers: Headers): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? null;
}

function missingCredentials(): GatewayError {
  return new GatewayError(
    "missing_credentials",
    "sign the request (x-did, x-did-timestamp, x-did-signature) or send a DID token as Bearer",
  );
}
