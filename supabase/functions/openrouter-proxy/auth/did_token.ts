/** The token that the DID's own key signs: a JWT (protocol.md, "DID token"; RFC 7519). */
import { base64urlnopad } from "@scure/base";
import { type Bytes, decodeBase64url, parseJsonObject, sha256, utf8 } from "../bytes/encodings.ts";
import { repeatedMember } from "../bytes/repeated_member.ts";
import { parseDid } from "./did.ts";
import { IN_DER, isDer } from "./signature_text.ts";
import {
  assertLife,
  MAX_TOKEN_LENGTH,
  quoted,
  type TokenContext,
  tokenRefusal,
  type VerifiedToken,
} from "./token.ts";
import { type VerificationMethod, verifiesUnderAny } from "./verification_key.ts";

/** A JWS in compact serialisation (RFC 7515 section 7.1) whose two parts are JSON objects. */
export interface Jwt {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly headerText: Bytes;
  readonly claimsText: Bytes;
  readonly signature: Bytes;
  readonly signedPart: Bytes;
}

/** Parameters that name a key other than the DID's own, or change what the others mean. */
const REFUSED_PARAMETERS = /^(?:crit|jwk|jku|x5.*)$/;
/**
 * Media types of JWTs in general, with and without `application/` (RFC 7519 section 5.1, RFC 7515
 * section 4.1.9). A token of a more special type, such as `at+jwt`, was made for another purpose.
 */
const TYPES = /^(?:application\/)?jwt$/i;

/** Reads a JWT and verifies nothing; null for anything else. */
export function parseJwt(token: string): Jwt | null {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  const [header, claims, signature] = parts.map(decodeBase64url);
  if (!header || !claims || !signature) return null;
  const headerObject = parseJsonObject(header);
  const claimsObject = parseJsonObject(claims);
  return headerObject && claimsObject && {
    header: headerObject,
    claims: claimsObject,
    headerText: header,
    claimsText: claims,
    signature,
    signedPart: utf8(token.slice(0, token.lastIndexOf("."))),
  };
}

/** The DID that a JWT says to be of; null when it is no DID token. */
export function issuerOf(jwt: Jwt | null): string | null {
  const issuer = jwt?.claims.iss;
  return typeof issuer === "string" && issuer.startsWith("did:") ? issuer : null;
}

/**
 * @param issuer what issuerOf says of the token
 * @throws {GatewayError} invalid_token, expired_token (both with `server_time` in seconds), and for
 * its issuer invalid_did, unsupported_did_method, did_unavailable
 */
export async function verifyDidToken(
  jwt: Jwt,
  issuer: string,
  context: TokenContext,
): Promise<VerifiedToken> {
  const nowSeconds = context.now() / 1000;
  const invalid = (message: string) => tokenRefusal("invalid_token", message, nowSeconds);
  const { header, claims: { aud, iat, exp, nbf } } = jwt;
  const fault = faultOfForm(jwt);
  if (fault !== null) throw invalid(fault);

  const audiences = Array.isArray(aud) ? aud : [aud];
  if (audiences.length !== 1 || audiences[0] !== context.audience) {
    const told = aud === undefined ? "missing" : quoted(JSON.stringify(aud));
    throw invalid(
      `aud must be exactly ${context.audience}, or an array of that alone; it is ${told}`,
    );
  }
  if (!isInstant(iat) || !isInstant(exp)) throw invalid("iat and exp must be seconds as numbers");
  if (nbf !== undefined && !isInstant(nbf)) throw invalid("nbf must be seconds as a number");
  assertLife(
    { issuedAt: iat, notBefore: nbf ?? null, expiresAt: exp },
    { issuedAt: "iat", notBefore: "nbf", expiresAt: "exp" },
    context.maxTokenLifetimeSeconds,
    nowSeconds,
  );

  const did = parseDid(issuer);
  const methods = await methodsNamed(header.kid, did.uri, await context.resolve(did)());
  if (methods.length === 0) {
    throw invalid(
      "kid names no key of iss: it takes the DID URL of the key, its fragment, or the key's " +
        "JWK thumbprint, and may be absent",
    );
  }
  // RFC 9864 names the one curve of EdDSA that there is here.
  const alg = header.alg === "Ed25519" ? "EdDSA" : header.alg;
  // An account's key has no alg, which a header's null must not name.
  const keys = methods.map((method) => method.key)
    .filter((key) => key.alg !== null && key.alg === alg);
  if (keys.length === 0) {
    const algs = methods.flatMap(({ key }) => key.alg ?? []);
    throw invalid(
      algs.length === 0
        ? `did:${did.method} signs no tokens; send a wallet session, or sign each request`
        : `alg must be that of the DID's key: ${algs.join(" or ")}`,
    );
  }
  if (!await verifiesUnderAny(keys, jwt.signature, jwt.signedPart)) {
    throw invalid(
      `the token's signature ${isDer(jwt.signature) ? IN_DER : "is not that of its iss"}`,
    );
  }
  return { did: did.uri, issuedAt: new Date(iat * 1000), expiresAt: exp };
}

/** What is wrong with a token whatever it claims; null: nothing. */
function faultOfForm({ header, headerText, claims, claimsText }: Jwt): string | null {
  const repeated = repeatedMember(headerText, header) ?? repeatedMember(claimsText, claims);
  if (repeated !== null) return `the token has the member ${quoted(repeated)} twice`;
  const refused = Object.keys(header).find((name) => REFUSED_PARAMETERS.test(name));
  if (refused) return `the header parameter ${refused} is not accepted`;
  const { typ } = header;
  const isJwt = typ === undefined || (typeof typ === "string" && TYPES.test(typ));
  return isJwt ? null : "the header's typ must be JWT, or absent";
}

/** The DID's methods that a `kid` names: all of them where there is none. */
async function methodsNamed(
  kid: unknown,
  did: string,
  methods: readonly VerificationMethod[],
): Promise<readonly VerificationMethod[]> {
  if (kid === undefined) return methods;
  const named = methods.filter(({ id }) =>
    [id, id.slice(did.length), id.slice(did.length + 1)].some((name) => name === kid)
  );
  if (named.length > 0 || typeof kid !== "string") return named;
  const thumbprints = await Promise.all(methods.map(thumbprint));
  return methods.filter((_, i) => thumbprints[i] === kid);
}

/** RFC 7638, with SHA-256, in base64url; null for accounts. */
async function thumbprint({ key: { jwk } }: VerificationMethod): Promise<string | null> {
  return jwk && base64urlnopad.encode(await sha256(utf8(JSON.stringify(jwk))));
}

/** NumericDate (RFC 7519 section 2). */
function isInstant(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
