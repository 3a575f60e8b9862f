/**
 * Exact money: US dollars as whole numbers of 1e-18 USD. A float never holds an amount.
 */

const DECIMALS = 18;
/** As much of a number as a price can have; more digits would only be work. */
const NUMBER = /^(-?)(\d{1,40})(?:\.(\d{0,60}))?(?:e([+-]?\d{1,3}))?$/i;

/**
 * Reads a decimal number, with or without exponent, as units of 1e-18 USD, rounded up.
 *
 * @returns null for anything else
 */
export function usdUnits(text: string): bigint | null {
  const match = NUMBER.exec(text);
  if (match === null) return null;
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const digits = BigInt(`${whole}${fraction}`);
  const shift = DECIMALS - fraction.length + Number(exponent);
  if (sign === "-") return -(shift < 0 ? digits / 10n ** BigInt(-shift) : shifted(digits, shift));
  return shift < 0 ? dividedUp(digits, 10n ** BigInt(-shift)) : shifted(digits, shift);
}

function shifted(digits: bigint, shift: number): bigint {
  return digits * 10n ** BigInt(shift);
}

/** The quotient of what is not negative, rounded up. */
export function dividedUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

const ONE = 10n ** BigInt(DECIMALS);
const ZEROS_AT_END = /0+$/;

/** Units that are not negative → the plain decimal: no exponent, no zeros at its end. */
export function usdText(units: bigint): string {
  const whole = String(units / ONE);
  // A one before them keeps the zeros that the fraction begins with.
  const fraction = String(ONE + units % ONE).replace(ZEROS_AT_END, "");
  return fraction === "1" ? whole : `${whole}.${fraction.slice(1)}`;
}

/**
 * An amount in OpenRouter's credits → USD, rounded up.
 *
 * @param credits a decimal number that is not negative
 * @param usdPerCredit a positive one; at 1 nothing is changed, however many digits there are
 */
export function usdOfCredits(credits: string, usdPerCredit: string): string {
  if (usdPerCredit === "1") return credits;
  return usdText(dividedUp(usdUnits(credits)! * usdUnits(usdPerCredit)!, ONE));
}

/** The other way round, rounded down. */
export function creditsOfUsd(usd: string, usdPerCredit: string): string {
  if (usdPerCredit === "1") return usd;
  return usdText(usdUnits(usd)! * ONE / usdUnits(usdPerCredit)!);
}
