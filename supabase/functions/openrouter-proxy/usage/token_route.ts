/** `POST /api/v1/token`: a Supabase JWT for the caller (docs/protocol.md, "Supabase tokens"). */
import { refusalOf } from "../accounts/refusals.ts";
import type { Identify } from "../call/identify.ts";
import { GatewayError } from "../errors.ts";
import { queryOf } from "../http/query_parameters.ts";
import type { Handler } from "../http/request_log.ts";
import type { Store } from "../store/store.ts";
import { type AdmissionRequest, NOTHING_ASKED } from "../store/admission.ts";
import type { SupabaseToken } from "./supabase_token.ts";

/**
 * Makes the handler. Postgres admits the request as it does a call that costs nothing: a token that is
 * revoked, a DID that is blocked and a signed message that was accepted before get none.
 *
 * @param sign null: the operator has not set GATEWAY_JWT_KEY
 */
export function createToken(
  identify: Identify,
  store: Pick<Store, "admit">,
  sign: ((did: string) => Promise<SupabaseToken>) | null,
): Handler {
  return async (c) => {
    using identified = await (await identify(c)).receive();
    queryOf(c.req.raw.url, []);
    if (sign === null) {
      throw new GatewayError(
        "not_configured",
        "this gateway makes no Supabase tokens: its operator has not set GATEWAY_JWT_KEY",
      );
    }
    const { did, replay, tokenIssuedAt } = identified.identity;
    const request: AdmissionRequest = {
      ...NOTHING_ASKED,
      requestId: c.get("requestId"),
      did,
      method: "POST",
      endpoint: "/token",
      replay,
      tokenIssuedAt,
    };
    const admission = await store.admit(request);
    if (admission.decision !== "admitted") throw refusalOf(admission, request);
    const { token, expiresAt } = await signed(did, sign);
    const data = { token, expires_at: expiresAt.toISOString() };
    return c.json({ success: true, data });
  };
}

async function signed(did: string, sign: (did: string) => Promise<SupabaseToken>) {
  try {
    return await sign(did);
  } catch (cause) {
    throw new GatewayError("misconfigured", "the gateway's GATEWAY_JWT_KEY does not work", {
      cause,
    });
  }
}
