/**
 * What anybody may read: models with their prices, and their providers.
 *
 * Source: openrouter.md, "Endpoints" and "Prices".
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { type Model, MODELS } from "./pricing.ts";

/** When all models were listed first, in Unix seconds. */
const CREATED_S = 1_735_689_600;

const PARAMETERS = ["max_tokens", "response_format", "structured_outputs", "tools", "tool_choice"];

/** A model as lists have it. */
export function listed(model: Model) {
  return {
    id: model.id,
    canonical_slug: model.id,
    name: model.id,
    description: `${model.id}, simulated`,
    created: CREATED_S,
    context_length: model.contextLength,
    architecture: architecture(model),
    pricing: pricing(model),
    top_provider: {
      context_length: model.contextLength,
      max_completion_tokens: model.maxCompletionTokens,
      is_moderated: false,
    },
    per_request_limits: null,
    supported_parameters: PARAMETERS,
    supported_voices: null,
    default_parameters: null,
    links: { details: `/api/v1/models/${model.id}/endpoints` },
  };
}

function architecture({ outputs = ["text"] }: Model) {
  return {
    modality: `text->${outputs.join("+")}`,
    input_modalities: ["text"],
    output_modalities: outputs,
    tokenizer: "Other",
    instruct_type: null,
  };
}

function pricing(model: Model) {
  const { longPrompt } = model;
  const others = {
    image: model.image,
    image_output: model.imageOutput,
    audio: model.audio,
    internal_reasoning: model.reasoning,
    web_search: model.webSearch,
    input_cache_read: model.cacheRead,
    input_cache_write: model.cacheWrite,
    input_cache_write_1h: model.cacheWriteHour,
  };
  return {
    prompt: model.prompt,
    completion: model.completion,
    request: model.request ?? "0",
    ...Object.fromEntries(Object.entries(others).filter(([, price]) => price !== undefined)),
    ...(longPrompt === undefined ? {} : {
      overrides: [{
        min_prompt_tokens: longPrompt.fromTokens,
        prompt: longPrompt.prompt,
        completion: longPrompt.completion,
        ...(longPrompt.cacheWrite === undefined
          ? {}
          : { input_cache_write: longPrompt.cacheWrite }),
      }],
    }),
  };
}

const LIST = MODELS.map(listed);

/** The models that make this, as lists have them. */
export function withOutput(modality: string) {
  return LIST.filter(({ architecture }) => architecture.output_modalities.includes(modality));
}

/** A request's choice of models: those that write text, or those of `output_modalities`. */
function chosen(query: URLSearchParams) {
  const modalities = query.get("output_modalities") ?? "text";
  if (modalities === "all") return LIST;
  const wanted = new Set(modalities.split(",").flatMap(withOutput));
  return LIST.filter((model) => wanted.has(model));
}

/** `GET /models?output_modalities=` and `GET /models/user`. */
export function models({ query }: Call): Answer {
  return list(chosen(query));
}

/** All of a list: this account has one page of models. */
function list(data: unknown[]): Answer {
  return json({ data, links: { next: null }, total_count: data.length });
}

/** `GET /models/count`. */
export function modelCount({ query }: Call): Answer {
  return json({ data: { count: chosen(query).length } });
}

/** `GET /embeddings/models`. */
export function embeddingModels(): Answer {
  return list(withOutput("embeddings"));
}

/** `GET /model/:author/:slug`. */
export function model({ parameter }: Call): Answer {
  return json({ data: listed(findModel(parameter)) });
}

/** `GET /models/:author/:slug/endpoints`: one provider for each model. */
export function modelEndpoints({ parameter }: Call): Answer {
  const found = findModel(parameter);
  const { id, name, description, created } = listed(found);
  const endpoints = [endpoint(found)];
  return json({
    data: { id, name, description, created, architecture: architecture(found), endpoints },
  });
}

/** `GET /endpoints/zdr`: those that keep nothing. */
export function zeroRetentionEndpoints(): Answer {
  return json({ data: MODELS.filter(({ provider }) => provider === "Anthropic").map(endpoint) });
}

function endpoint(model: Model) {
  return {
    name: `${model.provider} | ${model.id}`,
    model_id: model.id,
    model_name: model.id,
    provider_name: model.provider,
    tag: slugOf(model.provider),
    context_length: model.contextLength,
    max_completion_tokens: model.maxCompletionTokens,
    max_prompt_tokens: null,
    pricing: pricing(model),
    quantization: "unknown",
    status: 0,
    supported_parameters: PARAMETERS,
    supports_implicit_caching: false,
    supports_tool_choice: { none: true, auto: true, required: true, function: true },
    latency_last_30m: null,
    throughput_last_30m: null,
    uptime_last_5m: null,
    uptime_last_30m: null,
    uptime_last_1d: null,
  };
}

/** @throws {ApiError} 404 */
export function findModel(id: string): Model {
  const found = MODELS.find((model) => model.id === id);
  if (found === undefined) throw apiError(404, `Model ${id} not found`);
  return found;
}

/** `GET /providers`. */
export function providers(): Answer {
  const names = new Set(MODELS.map(({ provider }) => provider).filter(Boolean));
  return json({
    data: [...names].map((name) => ({
      name,
      slug: slugOf(name),
      privacy_policy_url: null,
      terms_of_service_url: null,
      status_page_url: null,
    })),
  });
}

/** How URLs and requests call a provider. */
export function slugOf(provider: string): string {
  return provider.toLowerCase().replaceAll(" ", "-");
}
