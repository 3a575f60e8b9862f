/** Instants as text (RFC 3339 section 5.6). */

const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i;

/** Seconds since the epoch; null for what is no `date-time`, days that no calendar has included. */
export function parseDateTime(text: string): number | null {
  const [, date, time, fraction = "0", sign, hours, minutes] = DATE_TIME.exec(text) ?? [];
  if (date === undefined) return null;
  const utc = `${date}T${time}.000Z`;
  const ms = Date.parse(utc);
  // JavaScript takes 30 February for 1 March.
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== utc) return null;
  const offset = sign === undefined ? 0 : Number(hours) * 3600 + Number(minutes) * 60;
  return ms / 1000 + Number(fraction) - (sign === "-" ? -offset : offset);
}
