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
    ...(figures.toolCalls === 0 ? {} : { server_tool_cost: usd(figures.toolCost) }),
  };
  return { details: faults.has("null-details") ? null : details, cost: usd(figures.cost) };
}

/** An amount as a JSON number, in the notation that the request asked for. */
export function cost(units: bigint, faults: Faults): unknown {
  return faults.has("exponent") ? jsonUsd(units, scientific) : jsonUsd(units);
}

/** A usage as it is told: the faults `no-cost` and `bare-usage` leave members out. */
export function told(usage: Record<string, unknown>, faults: Faults): Record<string, unknown> {
  const without = faults.has("no-cost");
  const bare = faults.has("bare-usage");
  if (!without && !bare) return usage;
  const members = Object.entries(usage).filter(([member]) => member === "cost" ? !without : !bare);
  return Object.fromEntries(members);
}

/** What OpenRouter's own tools did; nothing where none was used. */
function toolDetails({ toolCalls, searches }: Figures) {
  if (toolCalls === 0) return {};
  const counts = { tool_calls_requested: toolCalls, tool_calls_executed: toolCalls };
  return { server_tool_use_details: { ...counts, web_search_requests: searches } };
}

/** `/chat/completions`, `/completions`, `/images`. */
export function chatUsage(figures: Figures, faults: Faults): unknown {
  const { prompt, cached, cacheWrite, completion, reasoning, imageTokens, isByok } = figures;
  const money = costs(
    figures,
    faults,
    "upstream_inference_completions_cost",
    "upstream_inference_prompt_cost",
  );
  const without = faults.has("null-details");
  return told({
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cost: money.cost,
    is_byok: isByok,
    prompt_tokens_details: without
      ? null
      : { cached_tokens: cached, cache_write_tokens: cacheWrite, audio_tokens: 0, video_tokens: 0 },
    cost_details: money.details,
    completion_tokens_details: without
      ? null
      : { reasoning_tokens: reasoning, image_tokens: imageTokens, audio_tokens: 0 },
    ...toolDetails(figures),
  }, faults);
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
  return told({
    input_tokens: prompt,
    input_tokens_details: without ? null : { cached_tokens: cached },
    output_tokens: completion,
    output_tokens_details: without ? null : { reasoning_tokens: reasoning },
    total_tokens: prompt + completion,
    cost: money.cost,
    is_byok: isByok,
    cost_details: money.details,
    ...toolDetails(figures),
  }, faults);
}

/**
 * `/messages`: tokens of the cache are no part of `input_tokens`, and those of a compaction stand in
 * `iterations` alone.
 */
export function messagesUsage(figures: Figures, faults: Faults): Record<string, unknown> {
  const { prompt, cached, cacheWrite, completion, searches, isByok } = figures;
  const money = costs(
    figures,
    faults,
    "upstream_inference_completions_cost",
    "upstream_inference_prompt_cost",
  );
  const tokens = { input_tokens: prompt - cached - cacheWrite, output_tokens: completion };
  const compaction = {
    type: "compaction",
    input_tokens: figures.compactedPrompt,
    output_tokens: figures.compactedCompletion,
  };
  const iterations = [compaction, { type: "message", ...tokens }];
  return told({
    ...tokens,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cached,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    ...(searches === 0 ? {} : { server_tool_use: { web_search_requests: searches } }),
    ...(faults.has("iterations") ? { iterations } : {}),
    cost: money.cost,
    is_byok: isByok,
    cost_details: money.details,
  }, faults);
}
