/**
 * The names of models: what can be told of one from its spelling alone.
 *
 * Source: docs/openrouter.md, "Prices".
 */

/** Asked of names that OpenRouter may not tell apart by their case, or by white space around them. */
const PRESET = /@preset\//i;
const ALIAS = /^\s*~/;
const LATEST = /-latest\s*$/i;
const ROUTER = /^\s*openrouter\//i;
const ONLINE = /:online\s*(?=:|$)/i;
const FUSION = /^\s*openrouter\/fusion(?:-[^:]*)?\s*(?=:|$)/i;
const OPENAIS_OWN = /^\s*openai\/(?!gpt-oss)/i;
const FREE = /:free\s*(?=:|$)|^\s*openrouter\/free\s*(?=:|$)/i;

/** `@preset/…`, `…@preset/…`: the operator's presets say what runs. */
export function isPresetName(name: string): boolean {
  return PRESET.test(name);
}

/** `~author/x-latest`: the author says what runs. */
export function isAlias(name: string): boolean {
  return ALIAS.test(name);
}

/** `openrouter/auto` and the like, unless the list of prices knows better. */
export function isRouter(name: string): boolean {
  return ROUTER.test(name);
}

/** `…:online`: OpenRouter searches the web first. */
export function isOnline(name: string): boolean {
  return ONLINE.test(name);
}

/**
 * `openrouter/fusion`, and `openrouter/fusion-flash`, which is the same with other settings: OpenRouter runs its
 * tool `fusion`, which asks several models.
 */
export function isFusion(name: string): boolean {
  return FUSION.test(name);
}

/** `…:free` and `openrouter/free` count against the account's free calls of a day. */
export function isFreeName(name: string): boolean {
  return FREE.test(name);
}

/** One that OpenAI alone serves, and Azure for it: those with open weights others serve as well. */
export function isOpenAisOwn(name: string): boolean {
  return OPENAIS_OWN.test(name);
}

/**
 * The name that OpenRouter makes of one without an author: `typesafe/jev-1.13` of `jev-1.13`, and
 * `~typesafe/jev-latest` of `jev-latest`.
 *
 * @param author null: it makes none
 */
export function withAuthor(name: string, author: string | null): string {
  if (author === null || name.includes("/")) return name;
  return `${LATEST.test(name) ? "~" : ""}${author}/${name}`;
}

/** The model whose place `reasoning.mode` gives it: `a/b-pro:nitro` of `a/b:nitro` and `pro`. */
export function inMode(name: string, mode: string): string {
  const [, base, variants] = /^\s*([^:]*?)\s*(:.*)?$/s.exec(name)!;
  return `${base}-${mode}${variants ?? ""}`;
}
