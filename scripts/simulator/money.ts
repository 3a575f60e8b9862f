/**
 * Exact money: US dollars as whole numbers of 1e-18 USD, and their JSON.
 *
 * A float never holds an amount, so that sums of a million generations are exact.
 */

declare global {
  interface JSON {
    /** In V8 since 11.4; TypeScript's library does not know it yet. */
    rawJSON(text: string): unknown;
  }
}

const DECIMALS = 18;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;

/**
 * Reads a decimal number, with or without exponent, as units of 1e-18 USD.
 *
 * @throws {RangeError} for anything else, or for digits below 1e-18
 */
export function usd(text: string): bigint {
  const match = NUMBER.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a decimal number of dollars`);
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const shift = DECIMALS - fraction.length + Number(exponent);
  const digits = whole + fraction;
  const kept = shift < 0 ? digits.slice(0, shift) : digits + "0".repeat(shift);
  if (shift < 0 && /[1-9]/.test(digits.slice(shift))) {
    throw new RangeError(`"${text}" has digits below 1e-${DECIMALS} dollars`);
  }
  return BigInt(sign + (kept || "0"));
}

/** Units → the plain decimal, e.g. `0.00002415`: no exponent, no trailing zeros. */
export function decimal(units: bigint): string {
  const digits = String(units < 0n ? -units : units).padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return (units < 0n ? "-" : "") + digits.slice(0, -DECIMALS) + (fraction && `.${fraction}`);
}

/** Units → exponent notation as OpenRouter sometimes sends it, e.g. `7.765e-06`. */
export function scientific(units: bigint): string {
  if (units === 0n) return "0";
  const digits = String(units < 0n ? -units : units);
  const exponent = digits.length - 1 - DECIMALS;
  const fraction = digits.slice(1).replace(/0+$/, "");
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return (units < 0n ? "-" : "") + digits.slice(0, 1) + (fraction && `.${fraction}`) +
    `e${exponent < 0 ? "-" : "+"}${power}`;
}

/** An amount for `JSON.stringify`: a JSON number with every digit. */
export function jsonUsd(units: bigint, notation = decimal): unknown {
  return JSON.rawJSON(notation(units));
}
