/**
 * What models are measured by, and used for: the same figures on any day.
 *
 * Source: openrouter.md, "Endpoints"; `@openrouter/sdk`, whose validators know every member.
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { MODELS } from "./pricing.ts";

const AS_OF = "2026-11-22T00:00:00Z";
const DAY = "2026-11-21";
const MEASURED = MODELS.slice(0, 2);

/** `GET /benchmarks`. */
export function benchmarks(): Answer {
  return json({
    data: MEASURED.map(({ id, prompt, completion }) => ({
      source: "artificial-analysis",
      model_permaslug: id,
      display_name: id,
      intelligence_index: 50,
      coding_index: 50,
      agentic_index: null,
      pricing: { prompt, completion },
    })),
    meta: {
      as_of: AS_OF,
      citation: null,
      model_count: MEASURED.length,
      source: null,
      source_url: null,
      task_type: null,
      version: "v1",
    },
  });
}

const OF_RANKINGS = { as_of: AS_OF, start_date: DAY, end_date: DAY, version: "v1" };

const DATASETS: Readonly<Record<string, { data: unknown[]; meta: unknown }>> = {
  "rankings-daily": {
    data: MEASURED.map(({ id }) => ({ date: DAY, model_permaslug: id, total_tokens: "1000" })),
    meta: OF_RANKINGS,
  },
  "app-rankings": {
    data: [{ app_id: 1, app_name: "App", rank: 1, total_requests: 10, total_tokens: "1000" }],
    meta: OF_RANKINGS,
  },
  "session-cost": {
    data: MEASURED.map(({ id }) => ({
      app_name: "App",
      app_slug: "app",
      model_permaslug: id,
      turn_range: "1",
      median_session_cost_usd: 0.01,
    })),
    meta: { as_of: AS_OF, version: "v1", window_days: 30, window_end_date: DAY },
  },
};

/** `GET /datasets/:name`, so often a day. */
export function dataset({ parameter: name, ledger }: Call): Answer {
  ledger.datasetReads.take();
  if (!Object.hasOwn(DATASETS, name)) throw apiError(404, `Dataset ${name} not found`);
  return json(DATASETS[name]);
}

const ALL = { token_share: 1, usage_share: 1 };

/** `GET /classifications/task`. */
export function taskClassifications(): Answer {
  return json({
    data: {
      as_of: AS_OF,
      window_days: 7,
      macro_categories: [{ key: "code", label: "Code", ...ALL }],
      classifications: [{
        tag: "code:general",
        display_name: "Programming",
        macro_category: "code",
        category_token_share: 1,
        category_usage_share: 1,
        ...ALL,
        models: MEASURED.map(({ id }) => ({ id, tag_token_share: 0.5, tag_usage_share: 0.5 })),
      }],
    },
  });
}
