/** `GET /generation?id=`: what a generation cost, some time after it; every key of the account. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { USER_ID } from "./identifiers.ts";
import { cost } from "./usage.ts";

const RESULTS_PER_SEARCH = 5;

/** What is always told, and never says anything here. */
const NOT_SIMULATED = {
  app_id: null,
  cache_discount: null,
  data_region: "global",
  http_referer: null,
  moderation_latency: null,
  native_tokens_completion_images: null,
  num_fetches: null,
  num_input_audio_prompt: null,
  num_media_completion: null,
  num_media_prompt: null,
  origin: "",
  preset_id: null,
  provider_responses: null,
  user_agent: null,
  web_search_engine: null,
};

/** The normalised counts (`tokens_*`) are wrong on purpose: the native ones are billed. */
export function generation({ query, ledger, faults }: Call): Answer {
  const id = query.get("id") ?? "";
  const found = ledger.findGeneration(id);
  if (found === undefined) throw apiError(404, `Generation ${id} not found`);
  const upstream = found.isByok ? found.upstreamPrompt + found.upstreamRest : 0n;
  const prompt = found.prompt + found.compactedPrompt;
  const completion = found.completion + found.compactedCompletion;
  return json({
    data: {
      id,
      request_id: found.requestId,
      upstream_id: id.replace("gen-", "chatcmpl-"),
      created_at: new Date(found.createdAtMs).toISOString(),
      creator_user_id: USER_ID,
      workspace_id: found.workspaceId,
      external_user: found.externalUser,
      session_id: found.sessionId,
      api_type: found.apiType,
      model: found.model,
      router: found.router,
      service_tier: found.serviceTier,
      streamed: found.streamed,
      cancelled: found.cancelled,
      finish_reason: found.finishReason,
      native_finish_reason: found.finishReason,
      total_cost: cost(found.cost, faults),
      usage: cost(found.cost, faults),
      upstream_inference_cost: cost(upstream, faults),
      is_byok: found.isByok,
      tokens_prompt: prompt + 1,
      tokens_completion: completion + 1,
      native_tokens_prompt: prompt,
      native_tokens_completion: completion,
      native_tokens_reasoning: found.reasoning,
      native_tokens_cached: found.cached,
      num_search_results: found.searches === 0 ? null : found.searches * RESULTS_PER_SEARCH,
      ...NOT_SIMULATED,
      latency: found.latencyMs,
      generation_time: found.generationTimeMs,
      provider_name: found.provider,
    },
  });
}
