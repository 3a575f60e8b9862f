/**
 * What a body asks for that costs, as it is found; parts of it may turn out not to count.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import { GatewayError } from "../errors.ts";

/** Far more models, and kinds of tools, than a request has. */
export const MAX_NAMES = 100;
/** There is one beside the usual one, but parsers differ in which of repeated members holds. */
const MAX_MODES = 4;
/** A longer name names no model. */
const MAX_MODEL_LENGTH = 256;

/** What a search finds where the request does not say: how many results, and characters of each. */
export const USUAL_RESULTS = 5;
export const USUAL_CHARACTERS = 4_000;

/** What is asked for of one server tool or plugin. */
export interface AskedTool {
  /** The member that names it first. */
  readonly where: () => string;
  /** How often it may be used, by all that name it. */
  readonly uses: number;
  /** The most results that one use is asked for; 0: the request does not say. */
  readonly results: number;
  /** The most characters of each of them; 0, too. */
  readonly characters: number;
}

/** How long what is written to a provider's cache stays there: 5 minutes, or longer, which is dearer. */
export type Caching = "none" | "short" | "long";

/** The members that may ask for a dearer tier. */
export const TIERS = ["service_tier", "speed"] as const;
export type Tier = typeof TIERS[number];

const NO_MODES: readonly string[] = [];
const NO_TOOLS: ReadonlyMap<string, AskedTool> = new Map();

export class Asked {
  /** Every model that is named, as it was written. */
  readonly models = new Set<string>();
  /** Whether the body's own `models` names one. */
  listsModels = false;
  // Made with the first of each: most requests ask for none.
  #tools: Map<string, AskedTool> | null = null;
  #modes: string[] | null = null;
  /** Says why a model that runs is not named. */
  unnamed: (() => string) | null = null;
  /** Objects that are an image, a sound, a film or a document, or lead to one. */
  mediaParts = 0;
  /** Images that its messages hold themselves, and their bytes in the body: they are no text. */
  images = 0;
  imageBytes = 0;
  /** Whether some of the media may be of any length: whatever is no such image. */
  hasLongMedia = false;
  /** Whether one is a document. */
  hasDocument = false;
  /** Whether a long prompt is read once more, to be made a summary of. */
  compacts = false;
  caching: Caching = "none";
  /** `service_tier` priority or fast, or `speed` fast: each asks for the same tier. */
  isPriority = false;
  /** Whoever is quickest or best, whatever the price; of the ordinary tier. */
  ignoresPrice = false;
  /** The largest bound that a fallback sets its own output; Infinity: one may set none. */
  fallbackOutput = 0;
  /** Whether a fallback has rules of its own for its provider. */
  hasOtherProvider = false;

  /** By canonical name. */
  get tools(): ReadonlyMap<string, AskedTool> {
    return this.#tools ?? NO_TOOLS;
  }

  /** `reasoning.mode`, each once: it may lead to another model than those. */
  get modes(): readonly string[] {
    return this.#modes ?? NO_MODES;
  }

  model(name: string, where: () => string): void {
    if (!this.named(name)) this.unnamed ??= () => `${where()} is no model's name`;
  }

  /** Counts a model. @returns false: it is too long for the name of one */
  named(name: string): boolean {
    if (name.length > MAX_MODEL_LENGTH) return false;
    if (this.models.size <= MAX_NAMES) this.models.add(name);
    return true;
  }

  tool(name: string, tool: AskedTool): void {
    const tools = this.#tools ??= new Map();
    const known = tools.get(name);
    if (known !== undefined) {
      tools.set(name, {
        where: known.where,
        uses: known.uses + tool.uses,
        // One that does not say finds what is usual, whatever the other asks for.
        results: Math.max(known.results || USUAL_RESULTS, tool.results || USUAL_RESULTS),
        characters: Math.max(
          known.characters || USUAL_CHARACTERS,
          tool.characters || USUAL_CHARACTERS,
        ),
      });
    } else if (tools.size <= MAX_NAMES) tools.set(name, tool);
  }

  /** @param mode trimmed, in lower case */
  reasons(mode: string): void {
    if (mode === "" || mode === "standard" || this.modes.includes(mode)) return;
    if (this.modes.length < MAX_MODES) (this.#modes ??= []).push(mode);
  }

  /** An image that stands by itself. @param bytes of the body */
  image(bytes: number): void {
    this.mediaParts++;
    this.images++;
    this.imageBytes += bytes;
  }

  cached(caching: Caching): void {
    if (this.caching !== "long") this.caching = caching;
  }

  /** What is dearer than the ordinary tier. @param text a member's value; null: a long one */
  tiered(member: Tier, text: string | null): void {
    const value = text?.toLowerCase();
    this.isPriority ||= value === "fast" || (member === "service_tier" && value === "priority");
  }

  /** Who may serve it: `openai/priority`, or `openai/fast`, is that tier of a provider. @param text as above */
  servedBy(text: string | null): void {
    this.isPriority ||= /\/(?:priority|fast)\s*$/i.test(text ?? "");
  }

  /** @param text as above */
  sorted(text: string | null): void {
    this.ignoresPrice ||= text?.toLowerCase() !== "price";
  }

  /** Counts what another one has found. */
  add(other: Asked): void {
    for (const name of other.models) this.model(name, () => name);
    for (const [name, tool] of other.tools) this.tool(name, tool);
    for (const mode of other.modes) this.reasons(mode);
    this.unnamed ??= other.unnamed;
    this.mediaParts += other.mediaParts;
    this.images += other.images;
    this.imageBytes += other.imageBytes;
    this.hasLongMedia ||= other.hasLongMedia;
    this.hasDocument ||= other.hasDocument;
    this.compacts ||= other.compacts;
    if (other.caching !== "none") this.cached(other.caching);
    this.isPriority ||= other.isPriority;
    this.ignoresPrice ||= other.ignoresPrice;
    this.fallbackOutput = Math.max(this.fallbackOutput, other.fallbackOutput);
    this.hasOtherProvider ||= other.hasOtherProvider;
  }

  /** @throws {GatewayError} invalid_request for more names than a request has */
  assertBounded(): void {
    assertFew("models", this.models);
    assertFew("tools", this.tools);
  }
}

function assertFew(what: string, { size }: { readonly size: number }): void {
  if (size <= MAX_NAMES) return;
  throw new GatewayError("invalid_request", `the body names over ${MAX_NAMES} ${what}`);
}
