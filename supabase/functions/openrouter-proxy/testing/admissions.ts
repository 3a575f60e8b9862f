/** Requests to be admitted, for tests. */
import { type AdmissionRequest, NOTHING_ASKED } from "../store/admission.ts";

/** A metered chat by a signature that may be replayed, with what a test is not about filled in. */
export function anAdmissionRequest(members: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    ...NOTHING_ASKED,
    requestId: crypto.randomUUID(),
    did: "did:key:z6Mk",
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    estimate: [{ usd: "0" }],
    outputBound: "max_tokens",
    ...members,
  };
}
