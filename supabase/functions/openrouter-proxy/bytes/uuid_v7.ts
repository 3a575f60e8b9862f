/** Ids that sort by the time they were made (RFC 9562 section 5.7), so that an index of them grows at its end. */

/** @param now milliseconds since the epoch */
export function uuidV7(now: number): string {
  const random = crypto.randomUUID();
  const time = Math.floor(now).toString(16).padStart(12, "0");
  // The version in place of the 4 of a random id; its variant stays.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}
