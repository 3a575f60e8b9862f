/**
 * The carrier that HTTP itself has: an HTTP Message Signature (RFC 9421) whose `keyid` is a DID
 * (protocol.md, "HTTP message signature"). Imported for requests that carry one alone.
 */
import { GatewayError } from "../../errors.ts";
import { type Bytes, sha256Hex, utf8 } from "../../bytes/encodings.ts";
import { assertDigests, isKnownDigest, readContentDigest } from "./content_digest.ts";
import { parseDid } from "../did.ts";
import { assertFresh, expiredTimestamp, replayKeyExpiry } from "../freshness.ts";
import { type Component, holdsNoSecret, readComponents, signatureBase } from "./signature_base.ts";
import { unusable } from "./signature_component.ts";
import {
  findSignature,
  readParameters,
  readSignature,
  type SignatureParameters,
} from "./signature_fields.ts";
import type {
  RequestHead,
  SignedHead,
  SignedRequestOptions,
  VerifiedRequest,
} from "../signed_request.ts";
import { type LoadKeys, type VerificationKey, verifiesUnderAny } from "../verification_key.ts";

/** What makes a signature one of this request and no other. */
const REQUIRED = ["@method", "@target-uri"];

/**
 * Checks all that the headers of a request tell by themselves. Signatures under other key ids, such
 * as a relay's, are passed over.
 *
 * @throws {GatewayError} invalid_request (field syntax), missing_credentials, invalid_did,
 * unsupported_did_method, expired_timestamp, invalid_signature (what must be covered and is not)
 */
export function readHttpSignature(
  head: RequestHead,
  { audience, now, resolve }: Omit<SignedRequestOptions, "otherAudience">,
): SignedHead {
  const { headers } = head;
  const [label, input] = findSignature(headers);
  const parameters = readParameters(input);
  const [didText, fragment] = splitDidUrl(parameters.keyid);
  const did = parseDid(didText);
  if (did.signatureBytes !== 64) {
    throw unusable(`did:${did.method} makes no HTTP message signatures; use x-did headers`);
  }
  const signature = readSignature(headers, label);
  assertInTime(parameters, now());

  const components = readComponents(input, head, audience);
  for (const name of REQUIRED) {
    if (!components.some((component) => component.name === name)) throw uncovered(name);
  }
  const isBodyCovered = components.some(coversBody);
  if (!isBodyCovered && Number(headers.get("content-length")) > 0) {
    throw uncovered("content-digest");
  }
  const digests = isBodyCovered ? readContentDigest(headers) : null;
  const base = utf8(signatureBase(components, input));
  const loadKeys = resolve(did);
  const keyId = fragment === undefined ? null : `${did.uri}#${fragment}`;

  async function verify(body: Bytes): Promise<VerifiedRequest> {
    assertInTime(parameters, now());
    if (digests === null && body.length > 0) throw uncovered("content-digest");
    if (digests !== null) await assertDigests(digests, body);
    const keys = await keysFor(loadKeys, keyId, parameters.alg);
    const [hash, valid] = await Promise.all([
      sha256Hex(base),
      verifiesUnderAny(keys, signature, base),
    ]);
    if (!valid) {
      throw new GatewayError(
        "invalid_signature",
        "the signature is not this DID's signature of signature_base (where values that may be " +
          `secret are left out); its @target-uri begins with the audience, which is ${audience}, ` +
          "whatever URL the gateway is called at",
        { details: { signature_base: signatureBase(components, input, holdsNoSecret) } },
      );
    }
    return {
      did: did.uri,
      replay: { hash, expiresAt: replayKeyExpiry(parameters.created * 1000) },
    };
  }

  return { claimedDid: did.uri, verify };
}

function assertInTime({ created, expires }: SignatureParameters, nowMs: number): void {
  assertFresh("created", created * 1000, nowMs);
  if (expires !== undefined && nowMs >= expires * 1000) {
    throw expiredTimestamp(`the signature's expires was at ${expires}`, nowMs);
  }
}

/** Those that the signature's keyid and alg leave. */
async function keysFor(
  loadKeys: LoadKeys,
  keyId: string | null,
  alg: string | undefined,
): Promise<VerificationKey[]> {
  const methods = (await loadKeys()).filter(({ id }) => keyId === null || id === keyId);
  if (methods.length === 0) throw unusable("its keyid names no key of the DID");
  const keys = methods.map(({ key }) => key);
  const fitting = keys.filter((key) => alg === undefined || alg === key.httpSignatureAlg);
  if (fitting.length === 0) {
    const algs = new Set(keys.map((key) => key.httpSignatureAlg));
    throw unusable(`alg must be that of the DID's key, or left out: ${[...algs].join(" or ")}`);
  }
  return fitting;
}

/** Whether it is the Content-Digest field, or a digest of it that binds the body. */
function coversBody({ name, parameters }: Component): boolean {
  const key = parameters.get("key");
  return name === "content-digest" && (key === undefined || isKnownDigest(key));
}

function splitDidUrl(keyid: string): [did: string, fragment: string | undefined] {
  const end = keyid.indexOf("#");
  return end === -1 ? [keyid, undefined] : [keyid.slice(0, end), keyid.slice(end + 1)];
}

function uncovered(name: string): GatewayError {
  return unusable(`it must cover ${name}, and does not`);
}
