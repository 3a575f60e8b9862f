/** Models as OpenRouter might list them, one for each thing that a price hangs on. */
import { readPriceList } from "../policy/price_list.ts";

/** A catalogue of these entries, as OpenRouter lists them. */
function catalogueOf(data: unknown[]) {
  const list = readPriceList(JSON.stringify({ data }));
  return { find: (id: string) => list.get(id.toLowerCase()) ?? null };
}

const listed = (id: string, pricing: object, rest: object = {}) => ({
  id,
  context_length: 1000,
  top_provider: { max_completion_tokens: 100 },
  ...rest,
  pricing: { prompt: "0.001", completion: "0.01", ...pricing },
});

/** Prices are round, so that sums are told at a glance. */
export const CATALOGUE = catalogueOf([
  listed("a/plain", {}),
  listed("a/plain-pro", { completion: "0.02" }),
  listed("a/cheap", { prompt: "1e-9", completion: "1e-9" }),
  listed("a/cached", { input_cache_write: "0.002", input_cache_write_1h: "0.004" }),
  listed("anthropic/cached", { input_cache_write: "0.002", input_cache_write_1h: "0.004" }),
  listed("a/cached-short", { input_cache_write: "0.002" }),
  listed("a/thinks", { internal_reasoning: "0.02" }),
  listed("a/media", { image: "0.5", audio: "0.003", audio_output: "0.05" }),
  listed("a/sees", { image_token: "0.004" }),
  listed("a/reads", {}, { architecture: { input_modalities: ["text", "file"] } }),
  listed("a/request", { prompt: "0", completion: "0", request: "0.25" }),
  listed("a/search", { web_search: "0.125" }),
  listed("perplexity/sonar", { web_search: "0.005" }),
  listed("perplexity/sonar-deep-research", { web_search: "0.005" }),
  listed("a/searches-cheaply", { web_search: "0.005" }),
  listed("a/long", {
    overrides: [
      { min_prompt_tokens: 50, prompt: "0.002", completion: "0.02" },
      { utc_start: "0:00", prices: { completion: "0.011" } },
    ],
  }),
  listed("a/endless", {}, { context_length: null, top_provider: {} }),
  listed("a/context", {}, { top_provider: { max_completion_tokens: null } }),
  listed("a/zero", { prompt: "0", completion: "0" }),
  listed("a/zero:free", { prompt: "0", completion: "0" }),
  listed("a/plain:free", {}),
  listed("a/embeds", { completion: "0" }),
  listed("a/draws", { prompt: "0", completion: "0", image_output: "0.03" }),
  listed("a/router", { prompt: "-1", completion: "-1" }),
  listed("openrouter/auto", { prompt: "-1", completion: "-1" }),
  listed("openrouter/free", { prompt: "0", completion: "0" }),
  listed("openrouter/own", {}),
]);
