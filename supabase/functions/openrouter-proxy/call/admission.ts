/** What Postgres is told of a call, so that it can decide whether the call may go on. */
import type { Identity } from "../auth/authenticate.ts";
import { usdOfCredits } from "../bytes/usd.ts";
import { storable } from "../bytes/storable.ts";
import type { Asks } from "../policy/asks.ts";
import type { Catalogue } from "../policy/catalogue.ts";
import { appraise, type Estimate } from "../policy/estimate.ts";
import { listedUnder } from "../policy/variants.ts";
import { type AdmissionRequest, type ExpectedCost, NOTHING_ASKED } from "../store/admission.ts";
import type { Order } from "./order.ts";

/** Waits for OpenRouter's prices at an isolate's first call that may cost, for a second at most. */
export async function admissionRequest(
  requestId: string,
  method: string,
  identity: Identity,
  order: Order,
  catalogue: Catalogue,
  usdPerCredit: string,
): Promise<AdmissionRequest> {
  const { asks, call } = order;
  if (asks !== null) await catalogue.ready(asks.models);
  const prices = asks && pricesOf(asks, catalogue, usdPerCredit);
  const hasPrice = prices?.estimate.some((one) => !("unknown" in one)) ?? false;
  return {
    ...NOTHING_ASKED,
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
    outputBound: hasPrice && call?.charges === "tokens" ? call.boundedBy[0] ?? null : null,
    hasLongMedia: asks?.hasLongMedia ?? false,
    ...order.origin,
    ...prices,
  };
}

function pricesOf(asks: Asks, catalogue: Catalogue, usdPerCredit: string) {
  const { serverTools, models, runsUnnamed, freeModel, estimate } = appraise(asks, catalogue);
  const inUsd = estimate.map((one) => estimateInUsd(one, usdPerCredit));
  return { serverTools, models, runsUnnamed, freeModel, estimate: inUsd };
}

function estimateInUsd(estimate: Estimate, usdPerCredit: string): ExpectedCost {
  if ("unknown" in estimate) return estimate;
  const usd = usdOfCredits(estimate.usd, usdPerCredit);
  if (!("usd_per_output_token" in estimate)) return { usd };
  const usd_per_output_token = usdOfCredits(estimate.usd_per_output_token, usdPerCredit);
  return { ...estimate, usd, usd_per_output_token };
}

/**
 * A model that OpenRouter lists; null for another one, which may be anybody's invention: it is booked
 * once an answer tells that it exists.
 */
function listedModel(model: string | null, catalogue: Catalogue): string | null {
  return model !== null && listedUnder(model, catalogue.find) !== null ? model : null;
}
