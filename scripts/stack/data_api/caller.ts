/** Who calls: by the API key, and by a user's JWT where there is one. */
import { ApiError } from "./api_error.ts";
import type { VerifyJwt } from "./verify_jwt.ts";

export interface Caller {
  /** The database's role: anon, authenticated, service_role, or another of a JWT's choice. */
  role: string;
  /** What `request.jwt.claims` holds. */
  claims: Record<string, unknown>;
}

export interface ApiKeys {
  publishableKey: string;
  secretKey: string;
}

export const ANON = "anon";

/**
 * Tells callers apart as Supabase's API gateway and PostgREST do together.
 *
 * @throws {ApiError} with status 401
 */
export async function identifyCaller(
  headers: Headers,
  { publishableKey, secretKey }: ApiKeys,
  verify: VerifyJwt,
): Promise<Caller> {
  const apikey = headers.get("apikey");
  if (apikey === null) {
    throw new ApiError(401, {
      message: "No API key found in request",
      hint: "No `apikey` request header or url param was found.",
    });
  }
  const bearer = /^Bearer\s+(.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  // supabase-js sends the key as a Bearer, too, for as long as there is no session.
  const token = bearer === apikey || bearer?.startsWith("sb_") ? undefined : bearer;

  const role = apikey === secretKey ? "service_role" : apikey === publishableKey ? ANON : undefined;
  if (role !== undefined) return token === undefined ? callerOf({ role }) : await callerBy(token);
  // Legacy API keys are JWTs that the project has signed.
  const key = await verify(apikey).catch(() => {
    throw new ApiError(401, {
      message: "Invalid API key",
      hint: "Double check your Supabase `apikey`",
    });
  });
  return token === undefined ? callerOf(key) : await callerBy(token);

  async function callerBy(token: string): Promise<Caller> {
    return callerOf(await verify(token));
  }
}

function callerOf(claims: Record<string, unknown>): Caller {
  const role = typeof claims.role === "string" && claims.role !== "" ? claims.role : ANON;
  return { role, claims: { ...claims, role } };
}
