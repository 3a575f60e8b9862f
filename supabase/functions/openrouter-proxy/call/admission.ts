/** What Postgres is told of a call, so that it can decide whether the call may go on. */
import type { Identity } from "../auth/authenticate.ts";
import { usdOfCredits } from "../bytes/usd.ts";
import { storable } from "../bytes/storable.ts";
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
  const prices = asks === null ? NOTHING_ASKED : appraise(asks, catalogue);
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
    serverTools: prices.serverTools,
    idempotency: order.idempotency,
    models: prices.models,
    runsUnnamed: prices.runsUnnamed,
    freeModel: prices.freeModel,
    estimate: inUsd(prices.estimate, usdPerCredit),
    outputBound: call?.charges === "tokens" && prices.estimate.some(isPrice)
      ? call.boundedBy[0] ?? null
      : null,
    hasLongMedia: asks?.hasLongMedia ?? false,
    session: order.origin.session,
    label: order.origin.label,
  };
}

function isPrice(cost: Estimate): boolean {
  return !("unknown" in cost);
}

function inUsd(estimate: Estimate[], usdPerCredit: string): ExpectedCost[] {
  if (usdPerCredit === "1") return estimate;
  return estimate.map((one) => estimateInUsd(one, usdPerCredit));
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
