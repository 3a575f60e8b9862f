/** Requests to be admitted, for tests. */
import type { AdmissionRequest } from "../store/admission.ts";

/** A metered chat by a signature that may be replayed, with what a test is not about filled in. */
export function anAdmissionRequest(members: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    requestId: crypto.randomUUID(),
    did: "did:key:z6Mk",
    method: "POST",
    endpoint: "/chat/completions",
    metered: true,
    model: null,
    streaming: false,
    replay: null,
    tokenIssuedAt: null,
    ownedGenerations: [],
    sharedFeatures: [],
    serverTools: [],
    idempotency: null,
    models: [],
    runsUnnamed: null,
    freeModel: false,
    estimate: [{ usd: "0" }],
    outputBound: "max_tokens",
    session: null,
    label: null,
    ...members,
  };
}
