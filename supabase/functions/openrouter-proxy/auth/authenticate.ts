/**
 * Request → verified DID: chooses the carrier (protocol.md, "Authentication").
 *
 * Nothing here knows accounts: an answer never tells whether a DID has one.
 */
import { GatewayError } from "../errors.ts";
import { createDidResolver, parseDid } from "./did.ts";
import { issuerOf, verifyDidToken } from "./did_token.ts";
import type { Bytes } from "../bytes/encodings.ts";
import { isSignedRequest, readSignedHead, type RequestHead } from "./signed_request.ts";

export type { RequestHead };

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

/** A request that its headers alone do not refuse. */
export interface Authentication {
  /** Who sends it, where the headers prove that: a token. Null where a signature covers the body. */
  readonly identity: Identity | null;
  /**
   * Who sends it, given the whole body, which is empty when there is none.
   *
   * @throws {GatewayError} invalid_did, expired_timestamp, invalid_signature
   */
  verify(body: Bytes): Promise<Identity>;
}

/**
 * Authenticates a request in two steps: by its headers, before anything is received of its body, and
 * by its body.
 *
 * @throws {GatewayError} missing_credentials, invalid_request (header syntax), invalid_did,
 * unsupported_did_method, expired_timestamp, invalid_token
 */
export type Authenticate = (head: RequestHead) => Promise<Authentication>;

/** Makes the function that authenticates requests, with its caches of keys. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const context = { ...options, resolve: createDidResolver(options) };

  async function byToken(token: string): Promise<Authentication> {
    const { did, issuedAt } = await verifyDidToken(token, context);
    const identity = { did, replay: null, tokenIssuedAt: issuedAt };
    return { identity, verify: () => Promise.resolve(identity) };
  }

  function bySignature(head: RequestHead, token: string | null): Authentication {
    const { claimedDid, verify } = readSignedHead(head, context);
    // supabase-js sends its own Bearer along, which says nothing about DIDs. One that names a DID
    // must not contradict the signature, or two readers of one request see two callers.
    const issuer = token && issuerOf(token);
    if (issuer && parseDid(issuer).uri !== claimedDid) {
      throw new GatewayError("invalid_token", "the Bearer token's iss is not the DID of x-did");
    }
    return {
      identity: null,
      verify: async (body) => ({ ...await verify(body), tokenIssuedAt: null }),
    };
  }

  return async (head) => {
    const token = bearerToken(head.headers);
    if (isSignedRequest(head.headers)) return bySignature(head, token);
    if (token === null) throw missingCredentials();
    return await byToken(token);
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
