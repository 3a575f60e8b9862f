/**
 * The values of members, as far as they can be what they are taken for.
 *
 * Amounts and counts are bounded where they are read: what no price and no model could reach is none.
 */
import { parseKeepingDecimals } from "../bytes/decimal.ts";
import { storable } from "../bytes/storable.ts";

/** An object, by its members. */
export type Json = Record<string, unknown>;

/** Members whose digits matter: a parsed number would be rounded to a binary float. */
const MONEY = new Set(["cost", "upstream_inference_cost", "total_cost"]);
/** Such a member with a number (RFC 8259 section 6), in a text without escapes. */
const MONEY_MEMBER =
  /("(?:cost|upstream_inference_cost|total_cost)"\s*:\s*)(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[\s,}])/g;
/** An amount that somebody may have been charged: prices have some twelve decimals. */
const AMOUNT = /^[0-9]{1,10}(?:\.[0-9]{1,40})?(?:[eE](?:-[0-4]?[0-9]|\+?0?[0-9]))?$/;
const MAX_AMOUNT = 1e9;
/** A model reads some millions. */
export const MAX_COUNT = 1e9;
const MAX_IDENTIFIER_LENGTH = 512;

/** Parses an answer, with amounts of money as the strings that they were written as. */
export function parseWithExactMoney(text: string): unknown {
  if (text.includes("\\")) return parseKeepingDecimals(text, MONEY);
  // Each quotation mark begins or ends a text, so that what looks like a member is one. This takes a
  // fifth of the time.
  return JSON.parse(text.replace(MONEY_MEMBER, '$1"$2"'));
}

/** A text, as far as it is stored; null where nothing of it is. */
export function text(value: unknown, maxLength?: number): string | null {
  return (typeof value === "string" && storable(value, maxLength)) || null;
}

/** An id, whole or not at all: a part of one names nothing. */
export function identifier(value: unknown): string | null {
  const isWhole = typeof value === "string" && value !== "" &&
    value === storable(value, MAX_IDENTIFIER_LENGTH);
  return isWhole ? value : null;
}

/** A count of tokens; a part of one, as images have it, counts whole. */
export function count(value: unknown): number | null {
  const isCount = typeof value === "number" && value >= 0 && value <= MAX_COUNT;
  return isCount ? Math.ceil(value) : null;
}

/** An amount of money, as it was written. */
export function amount(value: unknown): string | null {
  const isAmount = typeof value === "string" && AMOUNT.test(value) && Number(value) <= MAX_AMOUNT;
  return isAmount ? value : null;
}

/**
 * What holds of a value that is told again, a count or an amount: the last, because they are cumulative.
 * But a zero takes nothing back (envoyproxy/ai-gateway #1631), and null says nothing.
 */
export function latest<Value extends number | string>(
  before: Value | null,
  value: Value | null,
): Value | null {
  const isSilent = value === null || (before !== null && Number(value) === 0);
  return isSilent ? before : value;
}
