/**
 * A generation's figures in the shape of each endpoint.
 *
 * Source: openrouter.md, "Usage in a chat completion" and "Where usage sits, by endpoint".
 */
import type { Faults } from "./faults.ts";
import type { Figures } from "./ledger.ts";
import { jsonUsd, scientific } from "./money.ts";

/** `cost` and what belongs to it, as all token-billed endpoints have them. */
function costs(figures: Figures, faults: Faults, completionsMember: string, promptMember: string) {
  const usd = (units: bigint) => cost(units, faults);
  const details = {
    upstream_inference_cost: usd(figures.upstreamPrompt + figures.upstreamRest),
    [promptMember]: usd(figures.upstreamPrompt),
    [completionsMember]: usd(figures.upstreamRest),
  };
  return { details: faults.has("null-details") ? null : details, cost: usd(figures.cost) };
}

/** An amount as a JSON number, in the notation that the request asked for. */
export function cost(units: bigint, faults: Faults): unknown {
  return faults.has("exponent") ? jsonUsd(units, scientific) : jsonUsd(units);
}

/** `/chat/completions`, `/completions`, `/images`. */
export function chatUsage(figures: Figures, faults: Faults): unknown {
  const { prompt, cached, completion, reasoning, isByok } = figures;
  const money = costs(
    figures,
    faults,
    "upstream_inference_completions_cost",
    "upstream_inference_prompt_cost",
  );
  const without = faults.has("null-details");
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cost: money.cost,
    is_byok: isByok,
    prompt_tokens_details: without
      ? null
      : { cached_tokens: cached, cache_write_tokens: 0, audio_tokens: 0, video_tokens: 0 },
    cost_details: money.details,
    completion_tokens_details: without
      ? null
      : { reasoning_tokens: reasoning, image_tokens: 0, audio_tokens: 0 },
  };
}

/** `/responses`. */
export function responsesUsage(figures: Figures, faults: Faults): unknown {
  const { prompt, cached, completion, reasoning, isByok } = figures;
  const money = costs(
    figures,
    faults,
    "upstream_inference_output_cost",
    "upstream_inference_input_cost",
  );
  const without = faults.has("null-details");
  return {
    input_tokens: prompt,
    input_tokens_details: without ? null : { cached_tokens: cached },
    output_tokens: completion,
    output_tokens_details: without ? null : { reasoning_tokens: reasoning },
    total_tokens: prompt + completion,
    cost: money.cost,
    is_byok: isByok,
    cost_details: money.details,
  };
}

/** `/messages`: cached tokens are no part of `input_tokens`. */
export function messagesUsage(figures: Figures, faults: Faults): Record<string, unknown> {
  const { prompt, cached, completion, isByok } = figures;
  const money = costs(
    figures,
    faults,
    "upstream_inference_completions_cost",
    "upstream_inference_prompt_cost",
  );
  return {
    input_tokens: prompt - cached,
    output_tokens: completion,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    cost: money.cost,
    is_byok: isByok,
    cost_details: money.details,
  };
}
