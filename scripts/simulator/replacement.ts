/** The answers that faults put in the place of an endpoint's own. */
import { type Answer, json } from "./answer.ts";
import { budgetExceeded, insufficientCredits } from "./budget_error.ts";
import { apiError, errorOfStatus, htmlAnswer, providerRateLimit } from "./errors.ts";
import type { Faults } from "./faults.ts";

/**
 * The answer that the faults ask for; null where they leave the endpoint its own.
 *
 * @throws {ApiError} where that answer is an error of OpenRouter's usual shape
 */
export function replacement(faults: Faults): Answer | null {
  const status = faults.text("status")?.split(":");
  if (status !== undefined) {
    const [code, retryAfterS] = status;
    throw errorOfStatus(Number(code), retryAfterS === undefined ? undefined : Number(retryAfterS));
  }
  if (faults.has("provider-429")) throw providerRateLimit(faults.number("provider-429"));
  if (faults.has("moderation")) {
    throw apiError(403, "Your chosen model requires moderation and your input was flagged", {
      reasons: ["violence"],
      flagged_input: "…",
      provider_name: "OpenAI",
    });
  }
  const credits = faults.text("credits");
  if (credits !== undefined) throw insufficientCredits(credits);
  if (faults.has("budget")) throw budgetExceeded();
  if (faults.has("zod")) return json(ZOD_ERROR, {}, 400);
  if (faults.has("availability")) return json(UNAVAILABLE, {}, 503);
  if (faults.has("html")) return htmlAnswer(faults.number("html") ?? 404);
  if (faults.has("no-content")) return { status: 204, headers: {}, body: "" };
  const headers = { "Content-Type": "application/json" };
  if (faults.has("empty")) return { status: 200, headers, body: "" };
  if (faults.has("garbage")) return { status: 200, headers, body: '{"data":{"id":"gen-' };
  return null;
}

const ZOD_ERROR = {
  success: false,
  error: {
    name: "ZodError",
    message: JSON.stringify([{ code: "invalid_type", path: ["model"], message: "Required" }]),
  },
};
const UNAVAILABLE = {
  error: {
    message: "The service is temporarily unavailable",
    availability: { code: "provider_maintenance", retryable: true, retry_after_seconds: 5 },
  },
};
