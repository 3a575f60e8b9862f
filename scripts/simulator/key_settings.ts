/** The members that the management key sets: read strictly, and shown again. */
import { apiError } from "./errors.ts";
import { jsonUsd } from "./money.ts";
import { PERIODS } from "./spend.ts";

/**
 * Gives the value where it is what its member must be.
 *
 * @throws {ApiError} 400 otherwise
 */
export function expected<T>(
  member: string,
  is: (value: unknown) => value is T,
  value: unknown,
): T {
  if (is(value)) return value;
  throw apiError(400, `Invalid ${member}`);
}

export const isText = (value: unknown): value is string =>
  typeof value === "string" && value !== "";
export const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
export const isAmount = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
export const isPeriod = (value: unknown): value is typeof PERIODS[number] =>
  PERIODS.some((period) => period === value);
export const isInstant = (value: unknown): value is string =>
  typeof value === "string" && Number.isFinite(Date.parse(value));
/** An instant whose seconds are told. */
export const isWholeInstant = (value: unknown): value is string =>
  isInstant(value) && /T\d\d:\d\d:\d\d/.test(value);

/** An amount or null, for JSON. */
export function amount(units: bigint | null): unknown {
  return units === null ? null : jsonUsd(units);
}
