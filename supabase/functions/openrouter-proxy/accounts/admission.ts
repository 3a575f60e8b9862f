/**
 * Verified DID → leave to spend: one round trip to Postgres for a DID that has a key.
 */
import { GatewayError } from "../errors.ts";
import type { Admission, AdmissionRequest, Store } from "../store.ts";
import type { Provisioner } from "./provision.ts";

export type Admitted = Extract<Admission, { decision: "admitted" }>;

/**
 * Admits a request, after creating the DID's key where it has none yet.
 *
 * @throws {GatewayError} access_denied, invalid_token, not_found, replayed_request, and those of the
 *   provisioner
 */
export async function admit(
  request: AdmissionRequest,
  store: Pick<Store, "admit">,
  provisioner: Provisioner,
): Promise<Admitted> {
  let admission = await store.admit(request);
  if (admission.decision === "needs_provisioning") {
    await provisioner.ensureKey(request.did);
    admission = await store.admit(request);
  }
  switch (admission.decision) {
    case "admitted":
      return admission;
    case "access_denied":
      throw new GatewayError("access_denied", "this DID has been disabled by the operator");
    case "token_revoked":
      throw tokenRevoked();
    case "not_owned":
      throw new GatewayError("not_found", "your log holds no generation or job with this id");
    case "replayed":
      throw new GatewayError(
        "replayed_request",
        "this signed message was accepted before: sign each request anew, with a fresh x-did-nonce",
      );
    case "needs_provisioning":
      throw new GatewayError(
        "provisioning_in_progress",
        "this DID's account was removed while the request was served; try again",
        {},
        { "retry-after": "1" },
      );
  }
}

/** The refusal of a token that was issued before did_policies.tokens_valid_after. */
export function tokenRevoked(): GatewayError {
  return new GatewayError("invalid_token", "this token has been revoked: make a new one");
}
