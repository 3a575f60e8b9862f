/** `GET /generation?id=`: what a generation cost, some time after it. */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { cost } from "./usage.ts";

/** The normalised counts (`tokens_*`) are wrong on purpose: the native ones are billed. */
export function generation({ query, ledger, faults }: Call): Answer {
  const id = query.get("id") ?? "";
  const found = ledger.findGeneration(id);
  if (found === undefined) throw apiError(404, `Generation ${id} not found`);
  const upstream = found.isByok ? found.upstreamPrompt + found.upstreamRest : 0n;
  return json({
    data: {
      id,
      model: found.model,
      streamed: found.streamed,
      cancelled: found.cancelled,
      total_cost: cost(found.cost, faults),
      usage: cost(found.cost, faults),
      upstream_inference_cost: cost(upstream, faults),
      is_byok: found.isByok,
      tokens_prompt: found.prompt + 1,
      tokens_completion: found.completion + 1,
      native_tokens_prompt: found.prompt,
      native_tokens_completion: found.completion,
      native_tokens_reasoning: found.reasoning,
      native_tokens_cached: found.cached,
      latency: found.latencyMs,
      generation_time: found.generationTimeMs,
      provider_name: found.provider,
    },
  });
}
