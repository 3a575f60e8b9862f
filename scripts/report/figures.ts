/** Figures as people read them. */

/** `$1,234.57`, and more digits of what is small. */
export function dollars(amount: string | number): string {
  const value = Number(amount);
  if (value === 0) return "$0";
  const digits = Math.abs(value) >= 1 ? 2 : Math.abs(value) >= 0.01 ? 4 : 6;
  const text = Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
  return `${value < 0 ? "−" : ""}$${text}`;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `12.3K`, `4M`. */
export function short(value: number): string {
  return SHORT.format(value);
}

const FEW_DIGITS = new Intl.NumberFormat("en-US", {
  notation: "compact",
  maximumSignificantDigits: 3,
});

/** `$12.3M`, `$0.000005`. */
export function shortDollars(value: number): string {
  return `$${FEW_DIGITS.format(value)}`;
}

/** `850 ms`, `2.4 s`. */
export function duration(ms: number): string {
  if (ms === 0) return "0 s";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${(100 * part / whole).toFixed(1)} %`;
}

/** A DID with its middle left out, which nobody reads. */
export function shortDid(did: string): string {
  return did.length <= 28 ? did : `${did.slice(0, 16)}…${did.slice(-8)}`;
}

const BARS = "▁▂▃▄▅▆▇█";

/** One character a value; neighbours are added up where there are more values than characters. */
export function sparkline(values: number[], width: number): string {
  const columns = Math.min(width, values.length);
  const sums = Array<number>(columns).fill(0);
  for (const [index, value] of values.entries()) {
    sums[Math.floor(index * columns / values.length)]! += value;
  }
  const most = Math.max(...sums, 0);
  return sums.map((sum) => sum <= 0 ? " " : BARS[Math.min(7, Math.floor(sum / most * 8))]).join("");
}
