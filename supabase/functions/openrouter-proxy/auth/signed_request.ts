/** The first carrier: a request whose x-did* headers sign it (protocol.md, "Signed request"). */
import { GatewayError } from "../errors.ts";
import { parseDid, type ResolveDid } from "./did.ts";
import { type Bytes, sha256Hex, utf8 } from "../bytes/encodings.ts";
import { assertFresh, replayKeyExpiry } from "./freshness.ts";
import type { AudienceSearch } from "./other_audience.ts";
import { decodeSignature } from "./signature_text.ts";
import { verifiesUnderAny } from "./verification_key.ts";

/** A request without its body. */
export interface RequestHead {
  readonly method: string;
  /** As sent, after the function's name: `/api/v1/usage?group_by=day`. */
  readonly pathAndQuery: string;
  readonly headers: Headers;
}

/** A request whose headers are in order, so that it is worth to receive its body. */
export interface SignedHead {
  /** The DID that is said to have signed, in the one spelling that an account has. */
  readonly claimedDid: string;
  /**
   * Verifies the signature. Whether it was accepted before is for the store to say.
   *
   * @param body empty when there is none
   * @throws {GatewayError} invalid_did, did_unavailable, expired_timestamp (the body took its time),
   * invalid_signature (`signed_message` is what the signature must cover)
   */
  verify(body: Bytes): Promise<VerifiedRequest>;
}

export interface VerifiedRequest {
  /** In the one spelling that an account has. */
  readonly did: string;
  readonly replay: {
    /** Lower-case hex SHA-256 of the signed message: the replay key. */
    readonly hash: string;
    /** When the replay key may be forgotten. */
    readonly expiresAt: Date;
  };
}

export interface SignedRequestOptions {
  readonly audience: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly resolve: ResolveDid;
  readonly otherAudience: AudienceSearch;
}

const TIMESTAMP = /^(?:[0-9]{10}|[0-9]{13})$/;
const NONCE = /^[A-Za-z0-9_-]{0,64}$/;

/** Whether a request is of this carrier: any header whose name starts with `x-did` makes it so. */
export function isSignedRequest(headers: Headers): boolean {
  let isOne = false;
  // An iterator of the headers takes Deno ten times as long.
  headers.forEach((_value, name) => isOne ||= name.startsWith("x-did"));
  return isOne;
}

/**
 * Checks all that the headers of a signed request tell by themselves.
 *
 * @throws {GatewayError} missing_credentials, invalid_request (header syntax), invalid_did,
 * unsupported_did_method, invalid_signature (one of another kind), expired_timestamp (`server_time` in
 * seconds)
 */
export function readSignedHead(
  head: RequestHead,
  { audience, now, resolve, otherAudience }: SignedRequestOptions,
): SignedHead {
  const { headers } = head;
  const didHeader = requiredHeader(headers, "x-did");
  const timestamp = requiredHeader(headers, "x-did-timestamp");
  const signatureHeader = requiredHeader(headers, "x-did-signature");
  const nonce = singleHeader(headers, "x-did-nonce") ?? "";

  const did = parseDid(didHeader);
  if (!TIMESTAMP.test(timestamp)) {
    throw badHeader("x-did-timestamp takes 10 digits (seconds) or 13 (milliseconds)");
  }
  if (!NONCE.test(nonce)) {
    throw badHeader("x-did-nonce takes up to 64 characters of A-Z a-z 0-9 _ -");
  }
  const signature = decodeSignature(signatureHeader, did);
  const timestampMs = Number(timestamp) * (timestamp.length === 10 ? 1000 : 1);
  assertFresh("x-did-timestamp", timestampMs, now());
  const loadKeys = resolve(did);

  async function verify(body: Bytes): Promise<VerifiedRequest> {
    // A body that comes slowly must not carry its message past the time when the replay key may be
    // forgotten.
    assertFresh("x-did-timestamp", timestampMs, now());
    const digest = await sha256Hex(body);
    const messageFor = (audience: string) =>
      canonicalMessage(audience, { did: didHeader, timestamp, nonce }, head, digest);
    const message = messageFor(audience);
    const messageBytes = utf8(message);
    const keys = (await loadKeys()).map(({ key }) => key);
    const [hash, valid] = await Promise.all([
      sha256Hex(messageBytes),
      verifiesUnderAny(keys, signature, messageBytes),
    ]);
    if (!valid) {
      // Under many keys of a document each guess would be dear.
      const other = keys.length > 2 ? null : await otherAudience(
        headers.get("host"),
        (audience) => verifiesUnderAny(keys, signature, utf8(messageFor(audience))),
      );
      const why = other === null
        ? "x-did-signature is not this DID's signature of signed_message; its second line, the " +
          `audience, is ${audience}, whatever URL the gateway is called at` +
          (did.method === "pkh" ? ". Smart accounts (ERC-1271) are not supported" : "") +
          (hasUnreadBody(head)
            ? `. ${head.method} has no body: what came as one is not signed`
            : "")
        : `x-did-signature is right for the audience ${other}; this gateway's is ${audience}: ` +
          "sign with that as the second line";
      throw new GatewayError("invalid_signature", why, { details: { signed_message: message } });
    }
    return { did: did.uri, replay: { hash, expiresAt: replayKeyExpiry(timestampMs) } };
  }

  return { claimedDid: did.uri, verify };
}

/**
 * What is signed (docs/protocol.md, "Signed request").
 *
 * @param digest lower-case hex SHA-256 of the body
 */
function canonicalMessage(
  audience: string,
  { did, timestamp, nonce }: { did: string; timestamp: string; nonce: string },
  { method, pathAndQuery }: RequestHead,
  digest: string,
): string {
  const lines = [audience, did, timestamp, nonce, method.toUpperCase(), pathAndQuery, digest];
  return ["llm-gateway:v1", ...lines].join("\n");
}

/** Whether a client sent what no handler of Deno's is given. */
function hasUnreadBody({ method, headers }: RequestHead): boolean {
  return (method === "GET" || method === "HEAD") && Number(headers.get("content-length")) > 0;
}

function requiredHeader(headers: Headers, name: string): string {
  const value = singleHeader(headers, name);
  if (value === null) {
    throw new GatewayError("missing_credentials", `${name} is missing beside other x-did headers`);
  }
  return value;
}

function singleHeader(headers: Headers, name: string): string | null {
  const value = headers.get(name);
  // Headers joins what was sent twice with a comma and a space.
  if (value?.includes(", ")) throw badHeader(`${name} must be sent once`);
  return value;
}

function badHeader(message: string): GatewayError {
  return new GatewayError("invalid_request", message);
}
