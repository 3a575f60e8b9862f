/** The second carrier: a JWT that the DID's own key signs (protocol.md, "DID token"; RFC 7519). */
import { GatewayError } from "../errors.ts";
import { parseDid, type ResolveDid } from "./did.ts";
import { verifiesUnderAny } from "./verification_key.ts";
import { type Bytes, decodeBase64url, parseJsonObject, utf8 } from "../bytes/encodings.ts";

export interface DidTokenOptions {
  readonly audience: string;
  readonly maxTokenLifetimeSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly resolve: ResolveDid;
}

export interface VerifiedToken {
  readonly did: string;
  readonly issuedAt: Date;
}

interface Jwt {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly signature: Bytes;
  readonly signedPart: Bytes;
}

const MAX_TOKEN_LENGTH = 4096;
const SKEW_SECONDS = 60;
/** Parameters that name a key other than the DID's own, or change what the others mean. */
const REFUSED_PARAMETERS = /^(?:crit|jwk|jku|x5.*)$/;

/** The DID that a Bearer token claims to be of; null when it is no DID token. Verifies nothing. */
export function issuerOf(token: string): string | null {
  return didIssuer(parseJwt(token));
}

/**
 * @throws {GatewayError} invalid_token (with `server_time` in seconds), or for its issuer
 * invalid_did, unsupported_did_method
 */
export async function verifyDidToken(
  token: string,
  { audience, maxTokenLifetimeSeconds, now, resolve }: DidTokenOptions,
): Promise<VerifiedToken> {
  const nowSeconds = now() / 1000;
  const invalid = (message: string) =>
    new GatewayError("invalid_token", message, {
      details: { server_time: Math.floor(nowSeconds) },
    });

  const jwt = parseJwt(token);
  const issuer = didIssuer(jwt);
  if (!jwt || issuer === null) {
    throw invalid(
      "the Bearer token is no DID token: a JWT whose iss is a DID and which that DID's key signs; " +
        "or sign the request with x-did headers",
    );
  }
  const { header, claims: { aud, iat, exp, nbf } } = jwt;
  const refused = Object.keys(header).find((name) => REFUSED_PARAMETERS.test(name));
  if (refused) throw invalid(`the header parameter ${refused} is not accepted`);
  if (header.typ !== "JWT") throw invalid("the header's typ must be JWT");

  if (aud !== audience) throw invalid(`aud must be exactly ${audience}`);
  if (!isInstant(iat) || !isInstant(exp)) throw invalid("iat and exp must be seconds as numbers");
  if (exp <= iat || exp - iat > maxTokenLifetimeSeconds) {
    throw invalid(`exp must be after iat by at most ${maxTokenLifetimeSeconds} s`);
  }
  if (iat > nowSeconds + SKEW_SECONDS) throw invalid("iat is in the future");
  if (nbf !== undefined && !(isInstant(nbf) && nbf <= nowSeconds + SKEW_SECONDS)) {
    throw invalid("nbf is in the future, or no number");
  }
  if (exp + SKEW_SECONDS <= nowSeconds) throw invalid("the token has expired");

  const did = parseDid(issuer);
  const { kid } = header;
  const methods = (await resolve(did)()).filter(({ id }) =>
    kid === undefined ||
    (typeof kid === "string" && (kid.startsWith("#") ? did.uri + kid : kid) === id)
  );
  if (methods.length === 0) throw invalid("kid names no key of iss");
  const keys = methods.map((method) => method.key).filter((key) => key.alg === header.alg);
  if (keys.length === 0) {
    const algs = methods.flatMap(({ key }) => key.alg ?? []);
    throw invalid(
      algs.length === 0
        ? `did:${did.method} signs no tokens; sign each request with x-did headers`
        : `alg must be that of the DID's key: ${algs.join(" or ")}`,
    );
  }
  if (!await verifiesUnderAny(keys, jwt.signature, jwt.signedPart)) {
    throw invalid("the token's signature is not that of its iss");
  }
  return { did: did.uri, issuedAt: new Date(iat * 1000) };
}

function didIssuer(jwt: Jwt | null): string | null {
  const issuer = jwt?.claims.iss;
  return typeof issuer === "string" && issuer.startsWith("did:") ? issuer : null;
}

/** JWS compact serialisation (RFC 7515 section 7.1) of two JSON objects; null for anything else. */
function parseJwt(token: string): Jwt | null {
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
    signature,
    signedPart: utf8(token.slice(0, token.lastIndexOf("."))),
  };
}

/** NumericDate (RFC 7519 section 2). */
function isInstant(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
