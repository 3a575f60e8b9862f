/**
 * Which entry of the list of prices holds for a model's name: its own, or that of the model that it is
 * a variant of.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import type { ListedModel } from "./price_list.ts";

export interface Listed {
  readonly model: ListedModel;
  /** `:nitro`: OpenRouter takes the fastest provider, whatever its price. */
  readonly isNitro: boolean;
  /** `:exacto`: it takes the best one, whatever its price. */
  readonly isExacto: boolean;
}

/** Variants at the price of their model; a search is counted where the name is read. */
const AT_BASE_PRICE = new Set([
  "online",
  "thinking",
  "extended",
  "floor",
  "exacto",
  "beta",
  "nitro",
]);

/** Null: nobody knows what it costs. */
export function listedUnder(
  name: string,
  find: (id: string) => ListedModel | null,
): Listed | null {
  const model = find(name);
  if (model !== null) return { model, isNitro: false, isExacto: false };
  const [, base, variant] = /^(.+):([^:]*)$/.exec(name.toLowerCase()) ?? [];
  if (base === undefined || !AT_BASE_PRICE.has(variant!)) return null;
  const listed = listedUnder(base, find);
  return listed && {
    model: listed.model,
    isNitro: listed.isNitro || variant === "nitro",
    isExacto: listed.isExacto || variant === "exacto",
  };
}

/** Whether anybody knows what it costs. */
export function isListed(name: string, find: (id: string) => ListedModel | null): boolean {
  return find(name) !== null || listedUnder(name, find) !== null;
}
