/** How long a server asks to wait. */

/**
 * Retry-After in milliseconds from now (RFC 9110, section 10.2.3); null where there is none.
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
