/**
 * Request → verified DID: chooses the carrier (protocol.md, "Authentication").
 *
 * Nothing here knows accounts: an answer never tells whether a DID has one.
 */
import type { Bytes } from "../bytes/encodings.ts";
import { createDidResolver } from "./did.ts";
import { createKnownTokens } from "./known_tokens.ts";
import { createAudienceSearch } from "./other_audience.ts";
import {
  assertSameDid,
  onlyTokenIfKnown,
  presentedTokens,
  verifyOneOf,
} from "./presented_tokens.ts";
import {
  isSignedRequest,
  readSignedHead,
  type RequestHead,
  type SignedHead,
  type VerifiedRequest,
} from "./signed_request.ts";
import type { VerifiedToken } from "./token.ts";
import { unusableCredentials } from "./unusable_credentials.ts";

export type { RequestHead };

export interface AuthenticatorOptions {
  /** What signatures and tokens must name; from configuration, never from the request. */
  readonly audience: string;
  readonly maxTokenLifetimeSeconds: number;
  readonly maxWalletSessionSeconds: number;
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
  readonly replay: VerifiedRequest["replay"] | null;
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
   * @throws {GatewayError} invalid_did, did_unavailable, expired_timestamp, invalid_signature
   */
  verify(body: Bytes): Promise<Identity>;
}

/**
 * Authenticates a request in two steps: by its headers, before anything is received of its body, and
 * by its body.
 *
 * @throws {GatewayError} missing_credentials, invalid_request (header syntax), invalid_did,
 * unsupported_did_method, did_unavailable, expired_timestamp, invalid_signature (one of another kind),
 * invalid_token, expired_token
 */
export type Authenticate = (head: RequestHead) => Promise<Authentication>;

const KEYID_IS_DID = /; *keyid="did:/;

/** A way to sign a request. */
interface SignatureCarrier {
  isUsed(headers: Headers): boolean;
  /** Checks all that the headers tell by themselves. */
  read(head: RequestHead): SignedHead | Promise<SignedHead>;
}

/** Makes the function that authenticates requests, with its caches of keys. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const context = {
    ...options,
    resolve: createDidResolver(options),
    otherAudience: createAudienceSearch(options),
    known: createKnownTokens(options.now),
  };

  /** The first that a request uses counts, and no other. Tokens count where it uses none of these. */
  const signatureCarriers: readonly SignatureCarrier[] = [
    { isUsed: isSignedRequest, read: (head) => readSignedHead(head, context) },
    {
      isUsed: hasHttpSignature,
      // With the parser of structured fields, which most workers never need.
      read: async (head) =>
        (await import("./http_signature/http_signature.ts")).readHttpSignature(head, context),
    },
  ];

  function carrierOf(headers: Headers): SignatureCarrier | null {
    for (const carrier of signatureCarriers) if (carrier.isUsed(headers)) return carrier;
    return null;
  }

  async function authenticateSigned(
    head: RequestHead,
    carrier: SignatureCarrier,
  ): Promise<Authentication> {
    const tokens = await presentedTokens(head.headers, context);
    const { claimedDid, verify } = await carrier.read(head);
    const dids = [claimedDid, ...tokens.map((token) => token.claimedDid)];
    assertSameDid(dids, "the signature (x-did, or keyid) and the token beside it");
    return {
      identity: null,
      verify: async (body) => ({ ...await verify(body), tokenIssuedAt: null }),
    };
  }

  async function authenticateTokens(headers: Headers): Promise<Authentication> {
    const tokens = await presentedTokens(headers, context);
    if (tokens.length === 0) throw unusableCredentials(headers, options.now() / 1000);
    return byToken(await verifyOneOf(tokens));
  }

  return (head) => {
    const { headers } = head;
    const carrier = carrierOf(headers);
    if (carrier !== null) return authenticateSigned(head, carrier);
    const token = onlyTokenIfKnown(headers, context);
    return token === null ? authenticateTokens(headers) : Promise.resolve(byToken(token));
  };
}

function byToken({ did, issuedAt }: VerifiedToken): Authentication {
  const identity = { did, replay: null, tokenIssuedAt: issuedAt };
  return { identity, verify: () => Promise.resolve(identity) };
}

/** Whether RFC 9421 signs a request with a DID as its keyid: relays sign with keys of their own. */
function hasHttpSignature(headers: Headers): boolean {
  const input = headers.get("signature-input");
  return input !== null && KEYID_IS_DID.test(input);
}
