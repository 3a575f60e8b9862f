/** What Postgres is told of a call, so that it can decide whether the call may go on. */
import type { Identity } from "../auth/authenticate.ts";
import { storable } from "../metering/usage.ts";
import type { Asks } from "../policy/asks.ts";
import type { Catalogue } from "../policy/catalogue.ts";
import { appraise } from "../policy/estimate.ts";
import { listedUnder } from "../policy/variants.ts";
import type { AdmissionRequest } from "../store_admission.ts";
import type { Order } from "./order.ts";

type Prices = Pick<
  AdmissionRequest,
  "serverTools" | "models" | "runsUnnamed" | "freeModel" | "estimate"
>;

const COSTS_NOTHING: Prices = {
  serverTools: [],
  models: [],
  runsUnnamed: null,
  freeModel: false,
  estimate: [],
};

/** Waits for OpenRouter's prices at an isolate's first call that may cost, for a second at most. */
export async function admissionRequest(
  requestId: string,
  method: string,
  identity: Identity,
  order: Order,
  catalogue: Catalogue,
): Promise<AdmissionRequest> {
  const { asks, call } = order;
  if (asks !== null) await catalogue.ready(asks.models);
  return {
    requestId,
    did: identity.did,
    method,
    endpoint: storable(call?.bookedAs ?? order.path),
    metered: call !== null,
    model: listedModel(order.model, catalogue),
    streaming: order.streaming,
    replay: method === "GET" || method === "HEAD" ? null : identity.replay,
    tokenIssuedAt: identity.tokenIssuedAt,
    ownedGenerations: order.ownedGenerations,
    sharedFeatures: order.sharedFeatures,
    idempotency: order.idempotency,
    ...(asks === null ? COSTS_NOTHING : pricesOf(asks, catalogue)),
  };
}

function pricesOf(asks: Asks, catalogue: Catalogue): Prices {
  const { serverTools, models, runsUnnamed, freeModel, estimate } = appraise(asks, catalogue);
  return { serverTools, models, runsUnnamed, freeModel, estimate };
}

/**
 * A model that OpenRouter lists; null for another one, which may be anybody's invention: it is booked
 * once an answer tells that it exists.
 */
function listedModel(model: string | null, catalogue: Catalogue): string | null {
  return model !== null && listedUnder(model, catalogue.find) !== null ? model : null;
}
