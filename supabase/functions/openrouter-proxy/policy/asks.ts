/**
 * What a request asks for that costs: plain facts, which its admission and its estimate are made of.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import type { Bytes } from "../bytes/encodings.ts";
import { storable } from "../bytes/storable.ts";
import type { Asked, Caching } from "./asked.ts";
import type { PriceBounds } from "./bounds.ts";
import type { CallBody } from "./call_body.ts";
import type { CallEndpoint, Charges } from "./calls.ts";
import type { Finding } from "./findings.ts";
import type { Form } from "./form.ts";
import type { TextSize } from "./json_text.ts";
import { isAlias, isFreeName, isOpenAisOwn, withAuthor } from "./model_names.ts";
import { OPENAIS_SHELL } from "./server_tools.ts";

/** A tool or plugin that runs at OpenRouter or at a provider. */
export interface ServerToolAsked {
  /** Canonical; see server_tools.ts. */
  name: string;
  /** The member that names it first, e.g. `tools[1]`. */
  param: string;
  /** How often it may be used. */
  uses: number;
  /** The most results that one use is asked for; 0: the request does not say. */
  results: number;
  /** The most characters of each of them; 0, too. */
  characters: number;
}

export interface Asks {
  charges: Charges;
  /**
   * Every model that the body names, as it was written (but for an author that OpenRouter adds), each once;
   * first the one that is booked.
   *
   * They stand in `model`, `models` and `fallbacks`, and in whatever members of tools and plugins end
   * in `_model` or `_models`, at any depth, as texts, lists or objects with a `model`. Of one model
   * there are the spellings `author/slug`, each with variants behind it (`:free`, `:online`, `:nitro`,
   * `:floor`, `:exacto`, `:thinking`, `:extended`, `:beta`), also several; `~author/slug-latest`;
   * `author/slug@preset/name` and `@preset/name`; `openrouter/auto` and other routers, whose plugins
   * list what they choose from by patterns (`author/*`). OpenRouter may not tell apart their case.
   */
  models: string[];
  /** Whether all of them are OpenAI's own, and nothing else can run. */
  areOpenAis: boolean;
  /** `reasoning.mode` but for the usual one, which OpenRouter serves by other models: see inMode. */
  modes: readonly string[];
  serverTools: ServerToolAsked[];
  /**
   * Why what runs does not follow from `models`, as far as the body tells: completes "…, so that what
   * runs is not known". Null: it follows, unless a model is a router.
   */
  unnamed: string | null;
  /** Whether it counts against the account's free calls of a day. */
  freeModel: boolean;
  text: TextSize;
  /** Tokens; null: the request bounds no output. */
  outputBound: number | null;
  /** Null: the request does not bound the uses of all tools together. */
  maxToolCalls: number | null;
  /** Each may have an answer of its own. */
  prompts: number;
  /** How often the query of a reranking is read beyond once, and its tokens. */
  queriesAgain: { times: number; tokens: number };
  /** `n`. */
  answers: number;
  mediaParts: number;
  /** Images that its messages hold themselves, and how many of the text's bytes they are. */
  images: number;
  imageBytes: number;
  hasLongMedia: boolean;
  hasDocument: boolean;
  compacts: boolean;
  caching: Caching;
  isPriority: boolean;
  ignoresPrice: boolean;
  priceBounds: PriceBounds;
}

/**
 * @param json its body, where it is JSON
 * @param said that, or else what the fields of its form say
 * @returns null for a request that costs nothing
 */
export function asksOf(
  call: CallEndpoint | null,
  body: Bytes,
  json: CallBody | null,
  said: CallBody | Form,
): Asks | null {
  if (call === null) return null;
  const { model, asked, sharedFeatures } = said;
  const models = modelsNamed(said, call.bareNamesOf);
  const bounds = json?.bounds;
  const namesModel = json?.namesModel ?? Boolean(model);
  const unnamed = whyUnnamed(namesModel, sharedFeatures, models, asked.unnamed);
  const areOpenAis = unnamed === null && models.every(isOpenAisOwn);
  return {
    charges: call.charges,
    models: models.map(storableName),
    areOpenAis,
    modes: asked.modes,
    serverTools: serverToolsOf(asked, areOpenAis),
    unnamed,
    freeModel: models.some(isFreeName),
    text: json?.text ?? {
      bytes: body.length,
      nonAsciiBytes: body.length,
      unicodeEscapes: 0,
      numbers: 0,
    },
    outputBound: bounds?.output(call.boundedBy) ?? null,
    maxToolCalls: bounds?.toolCalls(call.boundedBy) ?? null,
    prompts: bounds?.prompts ?? 1,
    queriesAgain: bounds?.queriesAgain ?? { times: 0, tokens: 0 },
    answers: bounds?.answers ?? 1,
    mediaParts: asked.mediaParts,
    images: asked.images,
    imageBytes: asked.imageBytes,
    hasLongMedia: asked.hasLongMedia,
    hasDocument: asked.hasDocument,
    compacts: asked.compacts,
    caching: asked.caching,
    isPriority: asked.isPriority,
    ignoresPrice: asked.ignoresPrice,
    // Its `provider` has no `max_price`, and is read without one.
    priceBounds: call.charges === "images" ? {} : bounds?.prices ?? {},
  };
}

/** @param author of those that are named without one */
function modelsNamed({ model, asked }: CallBody | Form, author: string | null): string[] {
  const models = model ? [withAuthor(model, author)] : [];
  if (model && asked.models.size === 1 && asked.models.has(model)) return models;
  for (const asWritten of asked.models) {
    const name = withAuthor(asWritten, author);
    if (!models.includes(name)) models.push(name);
  }
  return models;
}

function storableName(name: string): string {
  return storable(name);
}

/** @param areOpenAis as in Asks: OpenAI's shell is then no server tool */
function serverToolsOf({ tools }: Asked, areOpenAis: boolean): ServerToolAsked[] {
  const serverTools: ServerToolAsked[] = [];
  if (tools.size === 0) return serverTools;
  for (const [name, { uses, results, characters, where }] of tools) {
    if (name === OPENAIS_SHELL && areOpenAis) continue;
    const param = storable(where());
    serverTools.push({ name: storable(name), param, uses, results, characters });
  }
  return serverTools;
}

function isPreset({ feature }: Finding): boolean {
  return feature === "preset";
}

function whyUnnamed(
  namesModel: boolean,
  sharedFeatures: readonly Finding[],
  models: readonly string[],
  unnamed: Asked["unnamed"],
): string | null {
  if (!namesModel) return "the body names no model";
  const preset = sharedFeatures.find(isPreset);
  if (preset !== undefined) return storable(`${preset.param} leads to a preset`);
  const alias = models.find(isAlias);
  if (alias !== undefined) return storable(`${alias} is an alias`);
  return unnamed ? storable(unnamed()) : null;
}
