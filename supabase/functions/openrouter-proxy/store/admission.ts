/** What admit_request is told of a request. */

/** What a request may cost, as `reserve_of` of supabase/schemas reads it. Decimal strings in USD. */
export type ExpectedCost =
  | { usd: string }
  /** The request bounds no output; `output_tokens` is the model's own bound, null: none is known. */
  | { usd: string; usd_per_output_token: string; output_tokens: number | null }
  /** No price is known. */
  | { unknown: "price" | "job" };

/** One authenticated request, as admit_request decides on it. */
export interface AdmissionRequest {
  requestId: string;
  did: string;
  method: string;
  /** OpenRouter's path, without the query. */
  endpoint: string;
  /** Whether it gets a row in request_logs. */
  metered: boolean;
  /** The model that is booked until the answer tells which it was. */
  model: string | null;
  streaming: boolean;
  /** Lower-case hex SHA-256 of a signed message that may be accepted once only, and until when. */
  replay: { hash: string; expiresAt: Date } | null;
  /** When the DID token was issued; null for signed requests. */
  tokenIssuedAt: Date | null;
  /** The ids of generations and jobs that must be in the caller's own log. */
  ownedGenerations: string[];
  /** What it asks for of what DIDs share, and the member of its body that does. */
  sharedFeatures: { feature: string; param: string }[];
  /** The tools and plugins that OpenRouter or a provider shall run, and the member that asks for it. */
  serverTools: { name: string; param: string }[];
  /** The client's Idempotency-Key and the lower-case hex SHA-256 of the body. */
  idempotency: { key: string; bodyHash: string } | null;
  /** Every model that it names, as it is written. */
  models: string[];
  /** Why more than those may run, as the end of a sentence; null: nothing else will. */
  runsUnnamed: string | null;
  /** Whether it counts among the account's requests to free models. */
  freeModel: boolean;
  /** What it may cost; the dearest counts. */
  estimate: ExpectedCost[];
  /** The member of its body that would bound what it may cost; null: it has none, or none that does. */
  outputBound: string | null;
  /** Whether its prompt is estimated as a model's whole context, for media that may be of any length. */
  hasLongMedia: boolean;
  /** What the client says that it belongs to; null: nothing. */
  session: string | null;
  label: string | null;
}

/** A request that costs nothing, and asks for nothing that Postgres would have to allow. */
export const NOTHING_ASKED = {
  metered: false,
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
  estimate: [],
  outputBound: null,
  hasLongMedia: false,
  session: null,
  label: null,
} satisfies Partial<AdmissionRequest>;

/** What admit_request takes: the members of the composite type `admission`. */
export function admissionMembers(request: AdmissionRequest) {
  return {
    request_id: request.requestId,
    did: request.did,
    method: request.method,
    endpoint: request.endpoint,
    metered: request.metered,
    model: request.model,
    streaming: request.streaming,
    message_hash: request.replay?.hash ?? null,
    message_expires_at: request.replay?.expiresAt.toISOString() ?? null,
    token_issued_at: request.tokenIssuedAt?.toISOString() ?? null,
    owned_generations: request.ownedGenerations,
    shared_features: request.sharedFeatures.map(featureOf),
    server_tools: request.serverTools.map(nameOf),
    may_lack_key: true,
    idempotency_key: request.idempotency?.key ?? null,
    body_hash: request.idempotency?.bodyHash ?? null,
    models: request.models,
    runs_unnamed: request.runsUnnamed,
    free_model: request.freeModel,
    estimate: request.estimate,
    session: request.session,
    label: request.label,
  };
}

const featureOf = ({ feature }: { feature: string }) => feature;
const nameOf = ({ name }: { name: string }) => name;
