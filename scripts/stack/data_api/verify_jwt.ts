/** Verifies the JWTs of callers, as PostgREST does. */
import { errors, type JWK, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import { Buffer } from "node:buffer";
import { ApiError } from "./api_error.ts";

/** A key that callers' JWTs may be signed with; its `kid` chooses among several of one algorithm. */
export type VerificationKey = JWK & { alg: string };

/** @returns the claims; throws an ApiError with status 401 */
export type VerifyJwt = (token: string) => Promise<JWTPayload>;

const CLOCK_SKEW_S = 30;

/** The key of a project's legacy JWT secret. */
export function legacySecretKey(jwtSecret: string): VerificationKey {
  return { kty: "oct", alg: "HS256", k: Buffer.from(jwtSecret).toString("base64url") };
}

/** The public half of a private JWK, with its `alg`. */
export function publicKeyOf(privateJwk: string): VerificationKey {
  const { d: _, key_ops: __, ...publicHalf } = JSON.parse(privateJwk);
  return publicHalf;
}

/** @param keys of any algorithm that WebCrypto has, e.g. HS256 and ES256 */
export function jwtVerifier(keys: VerificationKey[]): VerifyJwt {
  const algorithms = [...new Set(keys.map(({ alg }) => alg))];

  function keyFor({ alg, kid }: JWTHeaderParameters): VerificationKey {
    const key = keys.find((key) =>
      key.alg === alg && (kid === undefined || key.kid === undefined || key.kid === kid)
    );
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key;
  }

  return async (token) => {
    const parts = token.split(".").length;
    if (parts !== 3) throw refusal("PGRST301", `Expected 3 parts in JWT; got ${parts}`);
    let claims: JWTPayload;
    try {
      const options = { algorithms, clockTolerance: CLOCK_SKEW_S };
      claims = (await jwtVerify(token, keyFor, options)).payload;
    } catch (error) {
      throw refusalOf(error);
    }
    // jose looks at it only where a maximal age is asked for.
    if ((claims.iat ?? 0) > Date.now() / 1000 + CLOCK_SKEW_S) {
      throw refusal("PGRST303", "JWT issued at future");
    }
    return claims;
  };
}

function refusalOf(error: unknown): ApiError {
  if (error instanceof errors.JWTExpired) return refusal("PGRST303", "JWT expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === "nbf" && error.reason === "check_failed"
      ? refusal("PGRST303", "JWT not yet valid")
      : refusal("PGRST303", `The JWT '${error.claim}' claim must be a number`);
  }
  if (error instanceof errors.JOSEError) {
    const details = "None of the keys was able to decode the JWT";
    return refusal("PGRST301", "No suitable key or wrong key type", details);
  }
  throw error;
}

function refusal(code: string, message: string, details: string | null = null): ApiError {
  const body = { code, message, details, hint: null };
  const challenge = `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`;
  return new ApiError(401, body, { "www-authenticate": challenge });
}
