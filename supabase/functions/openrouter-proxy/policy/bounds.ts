/**
 * The members at the top of a body that bound what it costs: how many tokens come out, how often tools
 * are called, what is read several times, what a provider may charge.
 *
 * A member may be repeated, and parsers differ in which one holds: then the one counts that lets it
 * cost more.
 *
 * Source: docs/openrouter.md, "Prices".
 */
import type { TextTaking } from "../bytes/json_passage.ts";
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import { dividedUp, usdUnits } from "../bytes/usd.ts";
import type { Asked, Tier } from "./asked.ts";
import { type BoundingMember, OUTPUT_BOUNDS } from "./calls.ts";
import { sizeOfText } from "./json_text.ts";
import {
  itemsBeside,
  MAX_SCALAR_BYTES,
  presenceBeside,
  scalarBeside,
  taking,
  takingText,
  wholeScalar,
} from "./takings.ts";
import { tokensOf } from "./tokens.ts";

/** What `provider.max_price` says of one price. */
export interface PriceBound {
  /** Units of 1e-18 USD for a token, a request or an image. */
  readonly units: bigint;
  /** Whether it holds for every provider that may serve the request. */
  readonly isCertain: boolean;
}

/** By the member of `pricing` that it bounds. */
export type PriceBounds = Partial<Record<MaxPrice, PriceBound>>;

/** The members of `provider.max_price`, and for how many units each is given. */
const MAX_PRICES = { prompt: 1_000_000n, completion: 1_000_000n, request: 1n, image: 1n };
const NO_QUERIES = { times: 0, tokens: 0 };
const NO_PRICES: PriceBounds = {};
type MaxPrice = keyof typeof MAX_PRICES;
const MAX_PRICE_NAMES = Object.keys(MAX_PRICES) as MaxPrice[];

const BEGINS_A_NUMBER = /^\d/;

/** The values that one member was given. */
class Given<Value extends number | bigint> {
  largest: Value | null = null;
  #times = 0;
  #hasNull = false;
  #hasOther = false;

  /** @param value null: one that bounds nothing. @param isNull whether it is as if it was not given */
  add(value: Value | null, isNull = false): void {
    this.#times++;
    if (isNull) this.#hasNull = true;
    else if (value === null) this.#hasOther = true;
    else if (this.largest === null || value > this.largest) this.largest = value;
  }

  /**
   * Whether it may hold and bound nothing: a value that is no such number, or is larger than all that
   * are told apart; or null, where another parser finds the largest.
   */
  get isOpen(): boolean {
    return this.#hasOther || (this.#times > 1 && this.#hasNull);
  }

  get isRepeated(): boolean {
    return this.#times > 1;
  }
}

/** The numbers that one member was given: it takes them itself. */
class GivenNumber extends Given<number> implements JsonVisitor, TextTaking {
  readonly scalar = this;
  readonly maxBytes = MAX_SCALAR_BYTES;

  /** @param read the JSON text of a scalar; null: a long one */
  constructor(private readonly read: (json: string | null) => number | null) {
    super();
  }

  text(json: string | null): void {
    this.add(this.read(json), json === "null");
  }
}

/** A whole number of tokens; null: anything else, 0 included, of which no page says what it bounds. */
export function tokenBound(json: string | null): number | null {
  return wholeNumber(json) || null;
}

/** A whole number that is not negative; null: anything else. */
export function wholeNumber(json: string | null): number | null {
  const value = json === null || !BEGINS_A_NUMBER.test(json) ? NaN : Number(json);
  return Number.isSafeInteger(value) ? value : null;
}

/** How many of something are asked for at most: a part counts whole; null: what is no such number. */
export function amountAsked(json: string | null): number | null {
  // A number may be written with as many digits as one likes.
  const value = json === null ? Infinity : BEGINS_A_NUMBER.test(json) ? Number(json) : NaN;
  return value >= 0 ? Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER) : null;
}

export class Bounds {
  readonly #numbers: Partial<Record<BoundingMember | "n", GivenNumber>> = {};
  /** Made with the first: hardly any request bounds one. */
  #prices: Partial<Record<MaxPrice, Given<bigint>>> | null = null;
  #providers = 0;
  #maxPrices = 0;
  #prompts = 0;
  #documents = 0;
  #queryTokens = 0;
  #hasStops = false;

  constructor(private readonly asked: Asked) {}

  /** Looks at a member of the body; null: it bounds nothing. */
  member(name: string | null): JsonVisitor | null {
    switch (name) {
      case "max_tokens":
      case "max_completion_tokens":
      case "max_output_tokens":
        return this.#numbers[name] ??= new GivenNumber(tokenBound);
      case "max_tool_calls":
      case "n":
        return this.#numbers[name] ??= new GivenNumber(wholeNumber);
      case "service_tier":
      case "speed":
        return this.#tier(name);
      default:
        return null;
    }
  }

  /** Looks at `provider`. @param others looks at whatever else is in it */
  provider(others: JsonVisitor): JsonVisitor {
    this.#providers++;
    return {
      item: () => others.item?.() ?? null,
      member: (name) => name === "max_price" ? this.#maxPrice() : others.member?.(name) ?? null,
      begin: (at, isObject) => others.begin?.(at, isObject),
      end: (at, isEmpty) => others.end?.(at, isEmpty),
    };
  }

  /**
   * Looks at `prompt`: of a list, each item may be a prompt of its own, with an answer of its own.
   *
   * @param others looks at whatever else is in it
   */
  prompt(others: JsonVisitor): JsonVisitor {
    let inItem: JsonVisitor | null = null;
    /** One for all items, of which there may be millions. */
    const item: JsonVisitor = {
      item: () => inItem?.item?.() ?? null,
      member: (name) => inItem?.member?.(name) ?? null,
      begin: (at, isObject) => {
        this.#prompts++;
        inItem?.begin?.(at, isObject);
      },
      end: (at, isEmpty) => inItem?.end?.(at, isEmpty),
      // Numbers are together the tokens of one prompt.
      scalar: taking((json) => {
        if (json === null || !/^[-\d]/.test(json)) this.#prompts++;
      }),
    };
    return itemsBeside(others, () => {
      inItem = others.item?.() ?? null;
      return item;
    });
  }

  /** Looks at `documents`, each of which is an item. @param others looks at whatever else is in it */
  documents(others: JsonVisitor): JsonVisitor {
    return itemsBeside(others, () => {
      this.#documents++;
      return others.item?.() ?? null;
    });
  }

  /** Looks at `query`, a text. @param others looks at whatever else is in it */
  query(others: JsonVisitor): JsonVisitor {
    return scalarBeside(
      others,
      wholeScalar((json) => {
        this.#queryTokens = Math.max(this.#queryTokens, tokensOf(sizeOfText(json)));
      }),
    );
  }

  /** Looks at `stop_server_tools_when`. @param others looks at whatever else is in it */
  stops(others: JsonVisitor): JsonVisitor {
    return presenceBeside(others, () => this.#hasStops = true);
  }

  #maxPrice(): JsonVisitor {
    this.#maxPrices++;
    return {
      member: (name) => {
        if (name === null || !Object.hasOwn(MAX_PRICES, name)) return null;
        const prices = this.#prices ??= {};
        const given = prices[name as MaxPrice] ??= new Given();
        return { scalar: taking((json) => given.add(priceOf(json))) };
      },
    };
  }

  #tier(name: Tier): JsonVisitor {
    return { scalar: takingText((text) => this.asked.tiered(name, text)) };
  }

  /**
   * How many tokens may come out; null: the request does not say. Not known is which bound holds where
   * several are given.
   *
   * @param own the members that its endpoint has, of which one at least must be given
   */
  output(own: readonly BoundingMember[]): number | null {
    let isBounded = false;
    let largest = this.asked.fallbackOutput;
    for (let i = 0; i < OUTPUT_BOUNDS.length; i++) {
      const name = OUTPUT_BOUNDS[i]!;
      const given = this.#numbers[name];
      if (given === undefined) continue;
      if (given.isOpen) return null;
      if (given.largest === null) continue;
      largest = Math.max(largest, given.largest);
      isBounded ||= own.includes(name);
    }
    return isBounded && largest !== Infinity ? largest : null;
  }

  /**
   * How often tools may be called altogether; null: the request does not say. Where it says when to stop
   * calling them, that counts in place of a number.
   *
   * @param own as above
   */
  toolCalls(own: readonly BoundingMember[]): number | null {
    const given = this.#numbers.max_tool_calls;
    if (given === undefined || given.isOpen || this.#hasStops) return null;
    return own.includes("max_tool_calls") ? given.largest : null;
  }

  /** How many prompts there may be. */
  get prompts(): number {
    return Math.max(1, this.#prompts);
  }

  /** The tokens of a query that are read more than once: a reranker reads it with each document. */
  get queriesAgain(): { times: number; tokens: number } {
    if (this.#documents === 0 && this.#queryTokens === 0) return NO_QUERIES;
    return { times: Math.max(0, this.#documents - 1), tokens: this.#queryTokens };
  }

  /** How many answers are asked for. */
  get answers(): number {
    return Math.max(1, this.#numbers.n?.largest ?? 1);
  }

  get prices(): PriceBounds {
    if (this.#prices === null) return NO_PRICES;
    const isOnly = this.#providers === 1 && this.#maxPrices === 1 && !this.asked.hasOtherProvider;
    const prices: PriceBounds = {};
    for (const name of MAX_PRICE_NAMES) {
      const given = this.#prices[name];
      if (given === undefined || given.largest === null) continue;
      const units = dividedUp(given.largest, MAX_PRICES[name]);
      prices[name] = { units, isCertain: isOnly && !given.isRepeated };
    }
    return prices;
  }
}

/** A number, or a text that is one, of US dollars; null: anything else. */
function priceOf(json: string | null): bigint | null {
  const units = usdUnits((json ?? "").replaceAll('"', ""));
  return units === null || units < 0n ? null : units;
}
