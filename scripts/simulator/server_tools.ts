/**
 * The tools that OpenRouter itself runs, and what they cost.
 *
 * Source: openrouter.md, "Usage in a chat completion", "Endpoints" and "Prices".
 */
import { type Answer, json } from "./answer.ts";
import type { Call } from "./call.ts";
import { apiError } from "./errors.ts";
import { usd } from "./money.ts";

/** By the name in `openrouter:<name>`: USD for a call. */
const PRICES: Readonly<Record<string, string>> = {
  web_search: "0.005",
  web_fetch: "0.001",
  datetime: "0",
  files: "0",
  shell: "0",
  bash: "0",
};
const PREFIX = "openrouter:";
/** What the tools of other APIs are called by OpenRouter, which turns them into its own. */
const TOOL = /^(?:openrouter:([a-z_]+)|(web_search|web_fetch)(?:_preview)?(?:_[\d_]+)?)$/;

/** What a request's tools did: each was called once. */
export interface ToolUse {
  calls: number;
  searches: number;
  /** Units of 1e-18 USD. */
  cost: bigint;
}

/**
 * The use of the tools that a body names; what else has the web searched, once, among them.
 *
 * @param webSearch the model's own price of a search
 */
export function toolUse(
  { tools, plugins, model, web_search_options }: Record<string, unknown>,
  webSearch: string = PRICES.web_search!,
): ToolUse {
  const price = (name: string) => name === "web_search" ? webSearch : PRICES[name] ?? "0";
  const types = (Array.isArray(tools) ? tools : []).map((tool) => String(Object(tool).type));
  const names = types.flatMap((type) => {
    const [, own, other] = TOOL.exec(type) ?? [];
    return own ?? other ?? [];
  });
  const web = Array.isArray(plugins) && plugins.some((plugin) => Object(plugin).id === "web");
  if (web || web_search_options || /:online\b/.test(String(model))) names.push("web_search");
  return {
    calls: names.length,
    searches: names.filter((name) => name === "web_search").length,
    cost: names.reduce((sum, name) => sum + usd(price(name)), 0n),
  };
}

function described(name: string) {
  return { name, type: PREFIX + name, pricing: { request: PRICES[name] } };
}

/** `GET /tools`. */
export function listTools(): Answer {
  return json({ data: Object.keys(PRICES).map(described) });
}

/** `GET /tools/:name`. */
export function readTool({ parameter: name }: Call): Answer {
  if (!Object.hasOwn(PRICES, name)) throw apiError(404, `Tool ${name} not found`);
  return json({ data: described(name) });
}
