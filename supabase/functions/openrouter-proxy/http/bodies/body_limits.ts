/** How much of an isolate the bodies of requests may take. */

export interface BodyLimits {
  /** How many bodies are received at once, and of one kind of sender. */
  readonly slots: number;
  readonly slotsOfKind: number;
  /** How many bytes all bodies hold, and those of one kind while they are under way. */
  readonly bytes: number;
  readonly bytesOfKind: number;
  /** How many wait, of each kind of sender. */
  readonly waitingOfKind: number;
}

/**
 * The bounds of an isolate.
 *
 * @param maxRequestBytes the largest body that is taken: each kind of sender has room for one,
 *   whatever the bodies of the other hold that are under way
 */
export function bodyLimits(maxRequestBytes: number): BodyLimits {
  // Each body exists a few times over while it is hashed, parsed and sent.
  const bytes = Math.max(48 * 1024 * 1024, 2 * (maxRequestBytes + 64 * 1024));
  const bytesOfKind = bytes - maxRequestBytes - 64 * 1024;
  // All slots of a kind, with bodies of 64 KiB that stall, hold less than its bytes: what stalls then
  // takes slots alone, for which a newcomer waits once, and not each time that its buffer grows.
  return { slots: 288, slotsOfKind: 256, bytes, bytesOfKind, waitingOfKind: 512 };
}
